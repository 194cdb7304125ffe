"""Storages, queues and the process that children are forked from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import pytest
from sqlalchemy import Engine

from coserver_consumer import store
from demo.processes import Process
from faults import table
from faults.crew import start_nursery
from faults.storages import Relational, Storage, Zeo, make_relational, make_zeo, prepare
from faults.tally import Tally
from support.databases import fresh_database
from support.private_postgresql import PrivatePostgresql, private_postgresql

TALLY = "tally"


@pytest.fixture(scope="session", autouse=True)
def _nursery() -> None:
    """Children are forked from a process that has opened nothing."""
    start_nursery()


@pytest.fixture
def zeo_server(tmp_path: Path) -> Iterator[tuple[Process, Zeo]]:
    """A running ZEO server with an empty database, and its client."""
    server, client = make_zeo(tmp_path / "zeo")
    server.start()
    prepare(client)
    yield server, client
    server.kill()


@pytest.fixture
def open_storage(tmp_path: Path) -> Iterator[Callable[[str], Storage]]:
    """A function that returns an empty storage: zeo, history-free or history-preserving."""
    with ExitStack() as stack:

        def make(kind: str) -> Storage:
            storage = (
                _make_zeo(stack, tmp_path) if kind == "zeo" else _make_rel(stack, kind, tmp_path)
            )
            prepare(storage)
            return storage

        yield make


def _make_zeo(stack: ExitStack, directory: Path) -> Zeo:
    server, client = make_zeo(directory / "zeo")
    server.start()
    stack.callback(server.kill)
    return client


def _make_rel(stack: ExitStack, kind: str, directory: Path) -> Relational:
    url = stack.enter_context(fresh_database("postgresql", directory))
    return make_relational(url, keep_history=kind == "history-preserving")


@pytest.fixture
def open_queue(tmp_path: Path) -> Iterator[Callable[[str], Engine]]:
    """A function that returns an engine on an empty queue of a kind of database."""
    with ExitStack() as stack:

        def make(kind: str) -> Engine:
            engine = store.open_engine(stack.enter_context(fresh_database(kind, tmp_path)))
            stack.callback(engine.dispose)
            store.upgrade(engine)
            return engine

        yield make


@pytest.fixture
def own_postgresql() -> Iterator[PrivatePostgresql]:
    """A PostgreSQL server that may be killed."""
    with private_postgresql() as server:
        yield server


@pytest.fixture
def accept(record_property: Callable[[str, object], None]) -> Callable[[Tally], Tally]:
    """A function that puts a tally into the table at the end."""

    def accept(tally: Tally) -> Tally:
        record_property(TALLY, asdict(tally))
        return tally

    return accept


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of all tests, in whichever process each has run."""
    reports = [
        report
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        if report.when == "call"
    ]
    tallies = [
        Tally(**values)
        for report in reports
        for name, values in report.user_properties
        if name == TALLY
    ]
    if tallies:
        terminalreporter.section("faults")
        terminalreporter.write_line(table.render(tallies))
