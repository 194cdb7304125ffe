"""Databases of the ZODB on every storage that Plone sites use, without Plone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ZODB import DB

from support.storages import KINDS, RELSTORAGE, open_db

FORGETFUL = [kind for kind in KINDS if kind in ("file", "zeo", "history-free")]


@pytest.fixture(params=KINDS)
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DB]:
    """An open database of each kind."""
    with open_db(request.param, tmp_path) as database:
        yield database


@pytest.fixture(params=FORGETFUL)
def packing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DB]:
    """An open database of each kind whose pack takes evidence away."""
    with open_db(request.param, tmp_path) as database:
        yield database


@pytest.fixture(params=[kind for kind in KINDS if kind in RELSTORAGE])
def marking(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DB]:
    """An open database of each kind whose marks are objects."""
    with open_db(request.param, tmp_path) as database:
        yield database
