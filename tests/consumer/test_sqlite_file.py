"""SQLite's file is deleted or replaced while it is in use."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from coserver_consumer import Client, store
from coserver_consumer.errors import StoreUnavailable
from demo.processes import Process
from support.databases import upgrade
from support.jobs import Jobs
from support.waiting import wait_for


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with the tables."""
    file = tmp_path / "queue.sqlite"
    upgrade(f"sqlite:///{file}")
    return file


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Another one."""
    file = tmp_path / "other.sqlite"
    upgrade(f"sqlite:///{file}")
    return file


def move(file: Path, to: Path) -> None:
    """Move a database with what belongs to it."""
    for suffix in ("-wal", "-shm", ""):
        if (part := Path(f"{file}{suffix}")).exists():
            part.replace(f"{to}{suffix}")


def test_what_is_written_goes_to_the_file_that_is_there(file, other, caplog):
    """Connections to the one that was replaced are used no more, and somebody is told."""
    caplog.set_level(logging.WARNING)
    with Client(f"sqlite:///{file}") as client:
        before = client.add("t")
        move(file, file.with_name("former"))
        move(other, file)
        after = client.add("t")
        engine = store.open_engine(f"sqlite:///{file}")
        assert [Jobs(engine).exists(job_id) for job_id in (before, after)] == [False, True]
    assert [record.getMessage() for record in caplog.records] == [
        f"The database's file {file} was replaced by another; connections to it are made anew"
    ]


def test_nothing_is_written_to_a_file_that_was_removed(file):
    """Nor is an empty one made in its place; with the file comes the queue."""
    with Client(f"sqlite:///{file}") as client:
        job_id = client.add("t")
        kept = file.with_name("kept")
        move(file, kept)
        with pytest.raises(StoreUnavailable, match="was removed"):
            client.add("t")
        assert not file.exists()
        move(kept, file)
        assert client.get(job_id).task == "t"


def test_the_log_of_the_former_file_is_not_played_into_another(file, other):
    """SQLite finds it by its name; who put the file there has to decide."""
    with Client(f"sqlite:///{file}") as client:
        before = client.add("t")
        other.replace(file)
        with pytest.raises(StoreUnavailable, match="-wal and -shm"):
            client.add("t")
        for suffix in ("-wal", "-shm"):
            Path(f"{file}{suffix}").unlink()
        after = client.add("t")
        jobs = Jobs(store.open_engine(f"sqlite:///{file}"))
        assert [jobs.exists(job_id) for job_id in (before, after)] == [False, True]


def test_a_consumer_goes_on_with_the_new_file(
    file: Path, other: Path, make_consumer: Callable[..., Process]
) -> None:
    """It says what it sees, registers there, and runs the jobs that are there."""
    url = f"sqlite:///{file}"
    consumer = make_consumer(url)
    consumer.start()
    move(file, file.with_name("former"))
    wait_for(lambda: "The database is away: " in consumer.output(), what="the log")
    assert not file.exists()
    move(other, file)
    with Client(url) as client:
        job_id = client.add("test.echo", {"a": 1})
        assert client.wait(job_id, 30).result == {"a": 1}
    wait_for(lambda: "was replaced by another" in consumer.output(), what="the log")
    assert consumer.stop() == 0
    assert "Traceback" not in consumer.output()
