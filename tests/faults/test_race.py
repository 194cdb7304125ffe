"""A consumer that looks without a pause finds every job with its object."""

from __future__ import annotations

from dataclasses import replace

import pytest

from faults.crew import Child
from faults.dooms import Doom
from faults.journal import Journals
from faults.keepers import resolve
from faults.ordeal import Ordeal, part
from faults.places import STRONGEST
from faults.poller import poll
from faults.producer import produce
from faults.tally import Tally
from support.waiting import wait_to_count

JOBS = min(3000, part(1500))  # with server-sync, and as many without
PRODUCERS = 3


@pytest.fixture
def race(zeo_server, open_queue, tmp_path):
    """A function that lets producers and a consumer race for so many jobs."""
    _, storage = zeo_server
    engine = open_queue(STRONGEST)

    def run(name: str, jobs: int, *, way: str = "protocol", server_sync: bool = False) -> Tally:
        ordeal = Ordeal(
            name=name,
            storage=replace(storage, server_sync=server_sync),
            engine=engine,
            directory=tmp_path,
            way=way,
            kinds="one",
        )
        return count(ordeal, jobs)

    return run


def count(ordeal: Ordeal, jobs: int) -> Tally:
    """Let them race; return how many jobs were seen without their object.

    On a busy machine a producer may fail to tell the store in time that the ZODB has committed: it
    leaves its job to the resolver. What a store refuses is asked for once more.
    """
    said = Journals(ordeal.directory)
    orders = replace(ordeal.orders(Doom()), limit=jobs // PRODUCERS)
    resolving = resolve(ordeal.engine, ordeal.storage, every=1, older_than=10)
    with resolving, Child(poll, ordeal.orders(Doom())):
        for producer in [Child(produce, orders) for _ in range(PRODUCERS)]:
            producer.wait()
        committed = said.ids("committed")
        wait_to_count(
            lambda: len(committed & (said.ids("seen") | said.ids("missing"))),
            jobs,
            what="the jobs that were seen",
        )
    return Tally(
        name=ordeal.name,
        kills=0,
        transactions=said.count("committed"),
        jobs_without_object=said.count("missing"),
        is_control=ordeal.is_control,
    )


@pytest.mark.parametrize("server_sync", [False, True])
def test_every_job_comes_with_its_object(race, accept, server_sync):
    """Also when the ZEO client isn't told to ask the server at each transaction."""
    name = f"race over ZEO, server-sync {'on' if server_sync else 'off'}"
    tally = accept(race(name, JOBS, server_sync=server_sync))
    assert (tally.faults, tally.transactions) == (0, JOBS)


def test_one_phase_commits_are_seen_too_early(race, accept):
    """zope.sqlalchemy shows the job before the ZODB has finished: the race is a race."""
    tally = accept(race("control: race with zope.sqlalchemy", 300, way="one-phase"))
    assert tally.jobs_without_object > 0
