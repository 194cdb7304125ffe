"""A database refuses to write, or stands still, while jobs end that have done their work.

With ``make faults`` for longer than everybody's lease; the table says how long it takes until all
is well again.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from coserver_consumer import Client, store
from coserver_consumer.model.job import State
from demo import ready
from demo.processes import Process
from support.databases import DATABASES, fresh_database
from support.jobs import Jobs
from support.line import Line
from support.private_postgresql import PrivatePostgresql, private_postgresql
from support.waiting import wait_for

LONG = "COSERVER_FAULTS_KILLS" in os.environ
SECONDS = 80 if LONG else 12
NUMBER = 6  # jobs whose endings can't be told
PLUGIN = Path(__file__).parents[1] / "consumer" / "plugin"
TABLE = "coserver_job"
DEAD_AFTER = 45 if LONG else 8
ENVIRONMENT = {
    "PYTHONPATH": os.pathsep.join([str(PLUGIN), *sys.path]),
    "COSERVER_HEARTBEAT_EVERY": "1",
    "COSERVER_DEAD_AFTER": str(DEAD_AFTER),
    "COSERVER_POLL_MAX": "0.2",
}
Trouble = Callable[[], AbstractContextManager[None]]


@contextmanager
def holding(engine: Engine, *statements: str) -> Iterator[None]:
    """Hold what these statements lock."""
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement).close()
        yield
        connection.rollback()
        connection.invalidate()  # which ends the locks of MariaDB's session


@contextmanager
def read_only(server: PrivatePostgresql) -> Iterator[None]:
    """Let every transaction be one that only reads, as on a server that was demoted."""
    engine = sa.create_engine(server.url, isolation_level="AUTOCOMMIT")
    setting = "default_transaction_read_only"
    with engine.connect() as connection:
        for change in (f"SET {setting} = on", f"RESET {setting}"):
            connection.exec_driver_sql(f"ALTER SYSTEM {change}")
            connection.exec_driver_sql("SELECT pg_reload_conf()")
            if change.startswith("SET"):
                yield
    engine.dispose()


@contextmanager
def locked_out(server: PrivatePostgresql) -> Iterator[None]:
    """Let nobody in, and end the sessions there are, as while a password is changed."""
    engine = sa.create_engine(server.url, isolation_level="AUTOCOMMIT")
    rules = server.data / "pg_hba.conf"
    before = rules.read_text()
    with engine.connect() as connection:  # which stays in
        rules.write_text("host all all all reject\n")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE usename = 'queue' AND pid <> pg_backend_pid()"
        )
        yield
        rules.write_text(before)
        connection.exec_driver_sql("SELECT pg_reload_conf()")
    engine.dispose()


@contextmanager
def filled(directory: Path) -> Iterator[None]:
    """Fill a file system to its last byte."""
    waste = directory / "waste"
    with suppress(OSError), waste.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    yield
    waste.unlink()


@contextmanager
def small_disk(directory: Path) -> Iterator[Path]:
    """Yield a file system of a few megabytes; only root can make one."""
    directory.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", directory], check=True)
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", directory], check=True)


TROUBLES = {
    "sqlite": ["another writer", *(["a full disk"] if os.geteuid() == 0 else [])],
    "postgresql": ["a locked table", "read-only", "locked out", "stands still"],
    "mysql": ["a locked table", "stands still"],
}
CASES = [(kind, trouble) for kind in DATABASES for trouble in TROUBLES[kind]]


@pytest.fixture(params=CASES, ids=" ".join)
def troubled(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Trouble]]:
    """The address of a queue, and what troubles it."""
    kind, trouble = request.param
    with ExitStack() as stack:
        make = {"sqlite": _sqlite, "postgresql": _postgresql, "mysql": _mysql}[kind]
        url, troubles = make(stack, tmp_path)
        engine = store.open_engine(url)
        store.upgrade(engine)
        engine.dispose()
        yield url, troubles[trouble]


def _sqlite(stack: ExitStack, directory: Path) -> tuple[str, dict[str, Trouble]]:
    if os.geteuid() == 0:
        directory = stack.enter_context(small_disk(directory / "disk"))
    url = f"sqlite:///{directory / 'queue.sqlite'}"
    engine = store.open_engine(url)
    stack.callback(engine.dispose)
    return url, {
        "another writer": lambda: holding(engine, "SELECT 1"),  # its BEGIN takes the lock
        "a full disk": lambda: filled(directory),
    }


def _postgresql(stack: ExitStack, directory: Path) -> tuple[str, dict[str, Trouble]]:
    server = stack.enter_context(private_postgresql())
    engine = sa.create_engine(server.url)
    stack.callback(engine.dispose)
    return server.url, {
        "a locked table": lambda: holding(engine, f"LOCK TABLE {TABLE}"),
        "read-only": lambda: read_only(server),
        "locked out": lambda: locked_out(server),
        "stands still": server.standing_still,
    }


def _mysql(stack: ExitStack, directory: Path) -> tuple[str, dict[str, Trouble]]:
    address = sa.make_url(stack.enter_context(fresh_database("mysql", directory)))
    line = Line(address.port or 3306)
    stack.callback(line.close)
    engine = sa.create_engine(address)
    stack.callback(engine.dispose)
    url = address.set(host="127.0.0.1", port=line.port)
    return url.render_as_string(hide_password=False), {
        "a locked table": lambda: holding(engine, f"LOCK TABLES {TABLE} READ"),
        "stands still": line.held,
    }


def test_what_ends_meanwhile_is_completed_once(
    troubled: tuple[str, Trouble],
    tmp_path: Path,
    record_refusal: Callable[[float], None],
) -> None:
    """Nothing is stuck, nothing is run again, and nobody has to do anything."""
    url, trouble = troubled
    gate = tmp_path / "gate"
    gate.mkdir()
    consumers = [make_consumer(url, name, tmp_path) for name in ("one", "two")]
    engine = store.open_engine(url)
    jobs, client = Jobs(engine), Client(engine)
    try:
        for consumer in consumers:
            consumer.start()
        ids = client.add_many("test.gate", [{"directory": str(gate)}] * NUMBER)
        wait_for(lambda: len(list(gate.iterdir())) == NUMBER, what="the jobs to run")
        with trouble():
            (gate / "open").touch()
            time.sleep(SECONDS)  # so long it lasts: it is the fault itself
        began = time.monotonic()
        ended = [jobs.wait_ended(job_id, within=200) for job_id in ids]
        record_refusal(time.monotonic() - began)
        assert {(job.state, job.attempt, job.rescues) for job in ended} == {(State.COMPLETED, 1, 0)}
        assert sorted(path.name for path in gate.iterdir()) == sorted(
            ["open", *(f"{job_id}.1" for job_id in ids)]
        )
        after = client.add("test.echo")
        assert jobs.wait_completed(after, within=100).attempt == 1
        for consumer in consumers:
            assert consumer.stop() == 0
            assert "Traceback" not in consumer.output()
    finally:
        for consumer in consumers:
            consumer.kill()
        engine.dispose()


def make_consumer(url: str, name: str, directory: Path) -> Process:
    """Return a consumer with the tests' tasks."""
    return Process(
        name,
        [Path(sys.executable).with_name("coserver"), "run", "--name", name],
        log=directory / f"{name}.log",
        ready=ready.log_says("is ready"),
        environment={"COSERVER_DATABASE": url, **ENVIRONMENT},
    )


@pytest.fixture
def record_refusal(request: pytest.FixtureRequest) -> Callable[[float], None]:
    """Say at the end of the run how many seconds it took until all was well."""
    name = request.node.callspec.id

    def record(seconds: float) -> None:
        request.node.user_properties.append(("well after", round(seconds, 1)))
        sys.stderr.write(f"{name}, for {SECONDS} s: well {seconds:.1f} s after its end\n")

    return record
