"""Producers die at every step of a commit, in every line of it, and at random moments."""

from __future__ import annotations

import signal

import pytest

from coserver_consumer.model.job import State
from faults.dooms import Frozen
from faults.ordeal import Ordeal, part
from faults.places import PLACES, STRONG_PLACES
from faults.producer import produce
from faults.tally import count_produced, read_rows
from support.waiting import wait_for


@pytest.mark.parametrize(("storage", "database"), PLACES)
def test_a_job_exists_if_and_only_if_its_request_committed(
    open_storage, open_queue, accept, tmp_path, storage, database
):
    """Whoever dies wherever: once it is resolved, jobs and objects are the same."""
    ordeal = Ordeal(
        name=f"producers, {storage}, {database}",
        storage=open_storage(storage),
        engine=open_queue(database),
        directory=tmp_path,
    )
    assert accept(ordeal.produce(part(30))).faults == 0


@pytest.mark.parametrize(("storage", "database"), STRONG_PLACES)
def test_nobody_is_taken_for_dead_between_vote_and_finish(
    open_storage, open_queue, tmp_path, storage, database
):
    """A producer that stands still there isn't decided about; then it commits and dies."""
    ordeal = Ordeal(
        name="frozen",
        storage=open_storage(storage),
        engine=open_queue(database),
        directory=tmp_path,
        kinds="one",
    )
    doom = Frozen(step="before ZODB tpc_finish", later="before Last.tpc_finish")
    with ordeal.kept(), ordeal.child(produce, doom=doom) as child:
        wait_for(lambda: states(ordeal) == [State.STAGED], what="a staged job")
        with pytest.raises(AssertionError, match="a decision"):
            wait_for(lambda: states(ordeal) != [State.STAGED], what="a decision", within=1)
        child.send(signal.SIGCONT)
        wait_for(lambda: states(ordeal) == [State.READY], what="the job to be ready")
        ordeal.wait_resolved()
    assert count_produced(ordeal, 1).faults == 0


def states(ordeal: Ordeal) -> list[State]:
    """Return the states of all jobs."""
    return [row.state for row in read_rows(ordeal.engine)]
