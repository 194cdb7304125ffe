"""Sites with more than one ZODB: the evidence is in the one that finishes last."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import transaction
from sqlalchemy import Engine
from ZODB import DB
from ZODB.FileStorage import FileStorage

from collective.coserver import queue
from collective.coserver.evidence import answer
from coserver_consumer.model.indoubt import Fate, Mark, Question
from support.addon import use_database
from support.jobs import Jobs


@pytest.fixture
def jobs(engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Jobs]:
    """The queue, known to the add-on."""
    with use_database(database_url, monkeypatch):
        yield Jobs(engine)


@pytest.fixture
def databases(tmp_path: Path) -> Iterator[dict[str, DB]]:
    """Two mounted databases, as a Plone site may have one for its content."""
    found: dict[str, DB] = {}
    for name in ("main", "content"):
        storage = FileStorage(str(tmp_path / f"{name}.fs"))
        DB(storage, database_name=name, databases=found)
    yield found
    transaction.abort()
    for db in found.values():
        db.close()


@pytest.mark.parametrize("written", [["main"], ["content"], ["main", "content"]])
def test_the_evidence_is_in_a_database_that_was_written(
    jobs: Jobs, databases: dict[str, DB], written: list[str]
) -> None:
    """The row names the database, and there the mark is found."""
    connection = databases["main"].open()
    for name in written:
        connection.get_connection(name).root()["value"] = name
    job_id = queue.add("/Plone/@@view")
    transaction.commit()
    job = jobs.get(job_id)
    assert job.evidence["database"] in written
    question = Question(mark=Mark.BATCH, value=job.batch, evidence=job.evidence)
    (decision,) = answer([question], databases)
    assert (decision.fate, decision.tid) == (Fate.COMMITTED, job.tid)
