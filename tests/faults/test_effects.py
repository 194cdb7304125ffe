"""Consumers die and stand still; what a job does in the ZODB happens exactly once."""

from __future__ import annotations

import signal

import pytest

from coserver_consumer import store
from coserver_consumer.model.job import Job, State
from coserver_consumer.store import manage
from faults.consumer import consume, counting
from faults.crew import Child
from faults.dooms import Frozen
from faults.journal import Journals
from faults.ordeal import Ordeal, part
from faults.places import PLACES, STRONG_PLACES
from faults.tally import count_consumed
from faults.troubles import Freeze, has_lease
from support.waiting import wait_for


@pytest.mark.parametrize(("storage", "database"), PLACES)
def test_a_job_counts_exactly_once(open_storage, open_queue, accept, tmp_path, storage, database):
    """Whoever dies wherever: the job is run again if and only if its effect isn't there."""
    engine = open_queue(database)
    ordeal = Ordeal(
        name=f"consumers, {storage}, {database}",
        storage=open_storage(storage),
        engine=engine,
        directory=tmp_path,
        troubles=(Freeze(engine, one_in=8),),
    )
    assert accept(ordeal.consume(part(18))).faults == 0


@pytest.fixture(params=STRONG_PLACES, ids="-".join)
def ordeal(request, open_storage, open_queue, tmp_path) -> Ordeal:
    """A place with one job that nobody has claimed yet."""
    storage, database = request.param
    return Ordeal(
        name="zombies",
        storage=open_storage(storage),
        engine=open_queue(database),
        directory=tmp_path,
    )


BEFORE_THE_VOTE = ["before First.tpc_begin", "before ZODB tpc_vote", "before Last.tpc_vote"]
AFTER_THE_VOTE = ["before ZODB tpc_finish", "before Last.tpc_finish"]


@pytest.mark.parametrize("step", BEFORE_THE_VOTE)
def test_a_zombie_cannot_commit(ordeal, step):
    """It stood still past its lease, the job was given to another, and it is told so."""
    (job_id,) = ordeal.add([counting(children=1)])
    with ordeal.kept(), ordeal.child(consume, doom=Frozen(step=step)) as zombie:
        wait_lost(ordeal, zombie)
        run = get(ordeal, job_id).run
        with ordeal.consumers():
            wait_for(lambda: get(ordeal, job_id).run > run, what="the job to run again")
            zombie.send(signal.SIGCONT)
            wait_for(lambda: job_id in lost(ordeal), what="the zombie to lose it")
            ordeal.wait_ended()
    assert get(ordeal, job_id).run > run
    assert count_consumed(ordeal, 0).faults == 0


@pytest.mark.parametrize("step", AFTER_THE_VOTE)
def test_who_has_voted_cannot_be_overtaken(ordeal, step):
    """It stood still past its lease, but its effect was as good as done: nobody else does it.

    Its vote may be that of a later attempt: a busy machine can cost it the first one's lease.
    """
    (job_id,) = ordeal.add([counting(children=1)])
    with ordeal.kept(), ordeal.child(consume, doom=Frozen(step=step)) as zombie:
        voted = wait_for(lambda: find_voted(ordeal, job_id), what="the vote")
        wait_lost(ordeal, zombie)
        with ordeal.consumers():
            zombie.send(signal.SIGCONT)
            ordeal.wait_ended()
    assert get(ordeal, job_id).run == voted.run
    assert count_consumed(ordeal, 0).faults == 0


def wait_lost(ordeal: Ordeal, zombie: Child) -> None:
    """Return when the child stands still and its lease is over."""
    wait_for(lambda: zombie.stands_still, what="the zombie to stand still")
    wait_for(lambda: not has_lease(ordeal.engine, zombie.pid), what="its lease to end")


def get(ordeal: Ordeal, job_id: str) -> Job:
    """Return the job."""
    return store.read(ordeal.engine, lambda connection: manage.get(connection, job_id))


def find_voted(ordeal: Ordeal, job_id: str) -> Job | None:
    """Return the job once its effect is being committed, or is."""
    job = get(ordeal, job_id)
    return job if job.state in (State.FINISHING, State.COMPLETED) else None


def lost(ordeal: Ordeal) -> set[str]:
    """Return the ids of jobs whose attempts were told that they weren't current.

    RelStorage may refuse such an attempt before we do: others have written meanwhile.
    """
    journals = Journals(ordeal.directory)
    return journals.ids("lost") | journals.ids("refused")
