"""What becomes of a job's ending that the database doesn't take."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from threading import Event

import pytest
from sqlalchemy import Engine

from coserver_consumer import store
from coserver_consumer.model.current_job import CurrentJob
from coserver_consumer.model.job import State
from coserver_consumer.model.lifecycle import Ending, complete
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.runtime.database import Database
from coserver_consumer.runtime.registration import Registration, describe_consumer
from coserver_consumer.settings.settings import Settings
from coserver_consumer.store import enqueue
from coserver_consumer.worker.worker import Worker
from support.databases import DATABASES
from support.jobs import Jobs
from support.refusal import refused_endings
from support.waiting import wait_for

SETTINGS = Settings(database="", threads=1, poll_min=0.01, poll_max=0.1, max_result=2_000_000)
REFUSALS = {
    "sqlite": ["full", "read-only"],
    "postgresql": ["25006", "53100", "55P03"],
    "mysql": [1021, 1290, 1969],
}
CASES = [(kind, code) for kind in DATABASES for code in REFUSALS[kind]]


@pytest.fixture
def ran() -> list[str]:
    """The ids of the jobs that were run, as often as they were."""
    return []


@pytest.fixture
def done() -> Event:
    """What the jobs wait for."""
    return Event()


@pytest.fixture
def worker(engine: Engine, ran: list[str], done: Event) -> Iterator[Worker]:
    """A worker whose jobs complete, with a result that takes its space."""

    def attempt(current: CurrentJob) -> Ending:
        ran.append(current.job.id)
        assert done.wait(60)
        return complete(current.job, "x" * 1_000_000)

    database = Database(engine)
    registration = Registration(database, describe_consumer(SETTINGS, ["test"]))
    registration.register()
    worker = Worker(
        database=database, registration=registration, settings=SETTINGS, attempt=attempt
    )
    yield worker
    worker.drain()
    worker.stop()


@pytest.fixture
def outages(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """A function that returns what was logged of the database."""
    caplog.set_level(logging.INFO)
    return lambda: [
        record.getMessage()
        for record in caplog.records
        if record.getMessage().startswith("The database is ")
    ]


@pytest.mark.parametrize(("database_url", "code"), CASES, indirect=["database_url"])
def test_what_the_database_says_of_itself_costs_no_attempt(
    engine, worker, ran, done, outages, code
):
    """A job that did its work is completed as soon as this can be written, and isn't run again."""
    [job_id] = store.write(engine, lambda c: enqueue.add_many(c, [NewJob(task="test")]))
    worker.start()
    Jobs(engine).wait_running(job_id)
    with refused_endings(engine, code):
        done.set()
        wait_for(outages, what="the refusal to be logged")
        assert Jobs(engine).get(job_id).state is State.RUNNING
    job = Jobs(engine).wait_ended(job_id)
    assert (job.state, job.attempt, job.rescues) == (State.COMPLETED, 1, 0)
    assert (ran, Jobs(engine).count_errors(job_id)) == ([job_id], 0)
    wait_for(lambda: len(outages()) == 2, what="the end of the refusal to be logged")
    assert "hush" not in str(outages())
