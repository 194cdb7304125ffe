"""Plone with the add-on, over HTTP, and a real queue for every test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import transaction
import ZODB
from Products.SiteAccess.VirtualHostMonster import manage_addVirtualHostMonster
from pytest_plone import fixtures_factory
from sqlalchemy import Engine, event
from ZODB.FileStorage import FileStorage

from collective.coserver.database import engine as addon_engine
from collective.coserver.testing import COSERVER_FUNCTIONAL_TESTING
from support.jobs import Jobs
from tests.plone.instance import SECRET, Instance, forget_settings
from tests.plone.views import register_views

globals().update(fixtures_factory(((COSERVER_FUNCTIONAL_TESTING, "functional"),)))


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """An environment with a secret, whose settings are read anew."""
    forget_settings()
    monkeypatch.setenv("COSERVER_SECRET", SECRET)
    yield monkeypatch
    forget_settings()


@pytest.fixture
def jobs(engine: Engine, database_url: str, environment: pytest.MonkeyPatch) -> Iterator[Jobs]:
    """The queue of the add-on, seen from outside."""
    environment.setenv("COSERVER_DATABASE", database_url)
    opened = addon_engine.get_engine()
    yield Jobs(engine)
    transaction.abort()
    opened.dispose()


@pytest.fixture
def statements(jobs: Jobs) -> Iterator[list[str]]:
    """The SQL statements that the add-on sends, its engine being warm.

    Without SQLite's ``BEGIN``, which is no round trip; on the others it isn't sent like this.
    """
    sent: list[str] = []

    def note(connection, cursor, statement, *arguments):
        if not statement.startswith("BEGIN"):
            sent.append(statement)

    engine = addon_engine.get_engine()
    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)


@pytest.fixture
def zodb(tmp_path: Path) -> Iterator[ZODB.DB]:
    """A ZODB of the test's own, in a file."""
    database = ZODB.DB(FileStorage(str(tmp_path / "Data.fs")), database_name="main")
    yield database
    transaction.abort()
    database.close()


@pytest.fixture(scope="session")
def _views(functional_session: Any) -> None:
    register_views(functional_session["configurationContext"])


@pytest.fixture
def instance(functional: Any, jobs: Jobs, _views: None) -> Instance:
    """Plone over HTTP, with its queue and the tests' views."""
    manage_addVirtualHostMonster(functional["app"], "virtual_hosting")
    transaction.commit()
    return Instance(functional, jobs)
