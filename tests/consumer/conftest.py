"""Consumers for the tests: jobs as values, and real ``coserver run`` processes."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from coserver_consumer import Client, store
from coserver_consumer.cli import main
from coserver_consumer.model.job import Job, State
from coserver_consumer.store import manage
from demo import ready
from demo.processes import Process
from support.bench import Bench
from support.databases import fresh_database
from support.jobs import Jobs

COSERVER = Path(sys.executable).with_name("coserver")
PLUGIN = Path(__file__).parent / "plugin"
SECRET = "only for tests: 0123456789abcdef0123456789abcdef"
QUICK = {
    "COSERVER_HEARTBEAT_EVERY": "0.2",
    "COSERVER_DEAD_AFTER": "20",  # a busy machine must not look like a dead consumer
    "COSERVER_POLL_MAX": "0.2",
    "COSERVER_BACKOFF_BASE": "0.1",
}


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch, tmp_path):
    """Keep the settings of whoever runs the tests away."""
    for name in list(os.environ):
        if name.startswith("COSERVER_") and not name.startswith("COSERVER_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def logging_as_before() -> Iterator[None]:
    """Undo what the command line does to logging, which it has to itself elsewhere."""
    root, urllib3 = logging.getLogger(), logging.getLogger("urllib3")
    handlers, levels = root.handlers[:], (root.level, urllib3.level)
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    urllib3.setLevel(levels[1])


@pytest.fixture
def make_job() -> Callable[..., Job]:
    """Make a claimed job as the store would give it."""

    def make(**changes) -> Job:
        plain = {
            "id": "01980cf2-53a1-7000-8000-0123456789ab",
            "queue": "default",
            "state": State.RUNNING,
            "priority": 0,
            "run_at": 0,
            "run": 7,
            "attempt": 1,
            "rescues": 0,
            "task": "test",
            "args": {},
            "requires": (),
            "created_at": 0,
        }
        missing = dict.fromkeys(set(Job._fields) - plain.keys())
        return Job(**missing | plain | changes)

    return make


@pytest.fixture
def sqlite_url(tmp_path) -> Iterator[str]:
    """A SQLite database with the tables, for what doesn't depend on the kind of database."""
    with fresh_database("sqlite", tmp_path) as url:
        engine = store.open_engine(url)
        store.upgrade(engine)
        engine.dispose()
        yield url


@pytest.fixture
def client(database_url) -> Iterator[Client]:
    """A client of the test's database."""
    with Client(database_url) as client:
        yield client


@pytest.fixture
def jobs(engine) -> Jobs:
    """The jobs of the test's database, to look at and to wait for."""
    return Jobs(engine)


@pytest.fixture
def consumers(engine) -> Callable[[], list[manage.Consumer]]:
    """Return the consumers that the test's database knows."""
    return lambda: store.read(engine, manage.consumers)


@pytest.fixture
def make_consumer(tmp_path) -> Iterator[Callable[..., Process]]:
    """Make ``coserver run`` processes with the tests' tasks; they are killed in the end."""
    made: list[Process] = []

    def make(url: str, *flags: str, name: str = "consumer", **environment: str) -> Process:
        process = Process(
            name,
            [COSERVER, "run", "--name", name, *flags],
            log=tmp_path / f"{name}.log",
            ready=ready.log_says("is ready"),
            environment={
                "COSERVER_DATABASE": url,
                "PYTHONPATH": os.pathsep.join([str(PLUGIN), *sys.path]),
                **QUICK,
                **environment,
            },
        )
        made.append(process)
        return process

    yield make
    for process in made:
        process.kill()


@pytest.fixture
def start_consumer(make_consumer, database_url) -> Callable[..., Process]:
    """Start a consumer on the test's database; it is ready when this returns."""

    def start(*flags: str, **options: str) -> Process:
        process = make_consumer(database_url, *flags, **options)
        process.start()
        return process

    return start


@pytest.fixture
def call(logging_as_before):
    """Run the command inside this process, which saves a second each time."""

    def run(url, *arguments, **environment):
        env = {"COSERVER_DATABASE": url} | environment
        return CliRunner().invoke(main, arguments, prog_name="coserver", env=env)

    return run


@pytest.fixture
def ask(call):
    """Run the command with --json; return what it wrote."""
    return lambda url, *arguments: json.loads(call(url, *arguments, "--json").stdout)


@pytest.fixture
def sqlite_client(sqlite_url):
    """A client of the SQLite database."""
    with Client(sqlite_url) as client:
        yield client


class Gate:
    """The test's side of the task ``test.gate``."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir()

    @property
    def args(self) -> dict[str, str]:
        """The arguments of a job that is to stop at the gate."""
        return {"directory": str(self.directory)}

    def reached(self, job_id: str, attempt: int = 1) -> bool:
        """True once that attempt waits at the gate, or has passed it."""
        return (self.directory / f"{job_id}.{attempt}").exists()

    def open(self) -> None:
        """Let all jobs pass."""
        (self.directory / "open").touch()


@pytest.fixture
def gate(tmp_path) -> Gate:
    """A gate that holds jobs."""
    return Gate(tmp_path / "gate")


@pytest.fixture
def make_bench(engine):
    """Make a bench; its worker is stopped in the end."""
    benches = []

    def make(*arguments):
        bench = Bench(engine, *arguments)
        benches.append(bench)
        return bench

    yield make
    for bench in benches:
        bench.worker.drain()
        bench.worker.stop()
