"""The engine that z3c.saconfig may have registered, by ``<db:engine name="coserver" .../>``."""

from __future__ import annotations

from sqlalchemy import Engine
from z3c.saconfig.interfaces import IEngineFactory
from zope.component import getGlobalSiteManager

NAME = "coserver"


def find_registered_engine() -> Engine | None:
    """Return the registered engine, None if there is none; nothing is connected.

    Only a global registration counts: all sites of a process share one queue.
    """
    factory = getGlobalSiteManager().queryUtility(IEngineFactory, name=NAME)
    return None if factory is None else factory()
