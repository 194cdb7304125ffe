"""A consumer stands back where others want the processor as well."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from coserver_consumer.processes.cpu_priority import SESSION
from demo.processes import Process
from support.waiting import wait_for

LOWEST = 19  # what nice(1) and the kernel go down to

in_sessions = pytest.mark.skipif(
    not SESSION.exists(), reason="this kernel doesn't divide the processor between sessions"
)


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is here doesn't depend on the kind of database."""
    return sqlite_url


def session_of(process: Process) -> int:
    """Return the niceness of a process's session."""
    told = Path(f"/proc/{process.pid}/autogroup").read_text()
    return int(told.rpartition(" ")[2])


def test_its_processes_stand_back_if_they_are_told_to(start_consumer: Callable[..., Process]):
    """Others that want the processor get it first."""
    consumer = start_consumer("--nice", "7")
    [worker] = psutil.Process(consumer.pid).children()
    assert worker.nice() == min(psutil.Process().nice() + 7, LOWEST)


@in_sessions
def test_so_does_the_session_that_is_its_own(start_consumer: Callable[..., Process]):
    """Linux divides the processor between sessions first."""
    consumer = start_consumer("--nice", "7", "--processes", "3")
    wait_for(lambda: consumer.output().count("Consumer is ready") == 3, what="the processes")
    assert session_of(consumer) == 7
    assert "can't stand back" not in consumer.output()


@in_sessions
def test_a_session_of_others_as_well_is_left_alone(
    make_consumer: Callable[..., Process], database_url: str
):
    """Such as that of a terminal, in which Zope may run too."""
    consumer = make_consumer(database_url, "--nice", "7")
    consumer.command = ["sh", "-c", '"$0" "$@" & wait', *consumer.command]
    consumer.start()
    assert session_of(consumer) == 0
    assert "can't stand back" not in consumer.output()


@in_sessions
def test_it_stands_back_no_more_when_the_setting_is_gone(
    start_consumer: Callable[..., Process], tmp_path: Path
):
    """The settings that are read anew count for the session as well."""
    settings = tmp_path / "coserver.toml"
    settings.write_text("nice = 7\n")
    consumer = start_consumer(COSERVER_CONFIG=str(settings))
    assert session_of(consumer) == 7
    settings.write_text("")
    consumer.send(signal.SIGHUP)
    wait_for(lambda: consumer.output().count("Consumer is ready") == 2, what="another process")
    assert session_of(consumer) == 0
