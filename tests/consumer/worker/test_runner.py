"""From a claim to a run, where the database says whether a run may begin."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from coserver_consumer import store
from coserver_consumer.model.job import State
from coserver_consumer.model.lifecycle import complete
from coserver_consumer.retry import Backoff
from coserver_consumer.runtime.database import Database
from coserver_consumer.store import manage
from coserver_consumer.store.schema import tables
from coserver_consumer.worker.ack_and_fetch import AckAndFetch
from coserver_consumer.worker.demand import Demand
from coserver_consumer.worker.inflight import InFlight
from coserver_consumer.worker.prefetch import Prefetch
from coserver_consumer.worker.runner import Runner
from support.bench import Bench


@pytest.fixture
def prefetch_one(engine):
    """Queue two jobs that expire, and claim them for one idle thread; return what is claimed."""
    bench = Bench(engine)
    ack_and_fetch = AckAndFetch(bench.database, bench.registration, InFlight(), max_result=1000)
    bench.add(2, expires=3600)
    demand = Demand(jobs=2, idle_threads=1, is_notified=True)
    return bench, ack_and_fetch.commit([], demand, last_commit_in_doubt=False)


def test_a_prefetched_job_that_expires_has_not_begun(prefetch_one):
    """The database is told when it begins; the other one begins with its claim."""
    bench, receipt = prefetch_one
    begun, prefetched = receipt.claimed
    assert receipt.unstarted == {prefetched.key}
    assert bench.write(manage.get, begun.id).started_at is not None
    assert bench.write(manage.get, prefetched.id).started_at is None


@pytest.mark.parametrize(
    ("meanwhile", "runs"), [("nothing", True), ("it expires", False), ("an outage", False)]
)
def test_a_prefetched_job_begins_only_if_it_has_not_expired(
    prefetch_one, tmp_path, meanwhile, runs
):
    """As the database says; if that can't say so, the job is given back."""
    bench, receipt = prefetch_one
    _, job = receipt.claimed
    began = []

    def attempt(current):
        began.append(current.id)
        return complete(current.job)

    database, in_flight = bench.database, InFlight()
    if meanwhile == "it expires":
        with bench.engine.begin() as connection:
            connection.execute(sa.update(tables.job).values(expires_at=tables.job.c.created_at))
    if meanwhile == "an outage":
        database = Database(store.open_engine(f"sqlite:///{tmp_path}/nowhere/queue.sqlite"))
    runner = Runner(database, in_flight, Prefetch(), attempt=attempt, backoff=Backoff())
    [run] = in_flight.add([job], unstarted=receipt.unstarted)
    runner.run(run)
    [ended] = in_flight.ended()
    assert began == ([job.id] if runs else [])
    assert ended.ending.state is (State.COMPLETED if runs else State.READY)
    assert ended.ending.has_begun is runs
