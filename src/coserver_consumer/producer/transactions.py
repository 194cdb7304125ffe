"""Transactions of a program's own, in which an outage of the database is named as one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, Engine

from coserver_consumer import store

T = TypeVar("T")
Work = Callable[[Connection], T]


def read(engine: Engine, work: Work[T]) -> T:
    """Do as ``store.read``; raise ``StoreUnavailable`` from what names an outage."""
    with store.naming_outages(engine, with_cause=True):
        return store.read(engine, work)


def write(engine: Engine, work: Work[T], *, in_one: bool = False) -> T:
    """Do as ``store.write``; raise ``StoreUnavailable`` from what names an outage."""
    with store.naming_outages(engine, with_cause=True):
        return store.write(engine, work, in_one=in_one)
