"""Staged workflows, on each database."""

from __future__ import annotations

from threading import Thread

import pytest

from coserver_consumer.model import workflow
from coserver_consumer.model.job import State, new_id
from coserver_consumer.model.lifecycle import complete, fail
from coserver_consumer.model.outcome import Failed
from coserver_consumer.store import enqueue
from coserver_consumer.store.finish.dependents import cancel_unneeded
from support.new_jobs import make_new

FAILED = Failed(error="no")
READY, BLOCKED, STAGED = State.READY, State.BLOCKED, State.STAGED


@pytest.fixture
def make():
    """Make a job that isn't queued yet."""
    return make_new


@pytest.fixture
def stage(queue):
    """Stage jobs as a batch; return its id."""

    def stage(jobs):
        batch = new_id()
        queue.stage(jobs, batch=batch, evidence={})
        return batch

    return stage


@pytest.fixture
def states(queue):
    """Return the states of jobs."""
    return lambda jobs: [queue.get(job.id).state for job in jobs]


@pytest.fixture
def run(queue):
    """Run one job after another, those of these ids in vain; return the ids in that order."""

    def run(*doomed):
        ran = []
        while taken := queue.take():
            [job] = taken
            queue.end_attempts([fail(job, FAILED) if job.id in doomed else complete(job)])
            ran.append(job.id)
        return ran

    return run


def ids(jobs):
    """Return the ids of jobs."""
    return [job.id for job in jobs]


@pytest.mark.parametrize("promotion", ["promote", "promote_staged"])
def test_a_chain_is_promoted_to_ready_and_blocked(queue, make, stage, states, run, promotion):
    """And then runs in its order, also with the promotion of one statement."""
    jobs = workflow.chain([make(), make(delay=60), make()])
    batch = stage(jobs)
    assert states(jobs) == [STAGED] * 3
    assert getattr(queue, promotion)(batch, tid=1) == 3
    assert states(jobs) == [READY, BLOCKED, BLOCKED]
    assert run() == [jobs[0].id]
    assert states(jobs[1:]) == [State.SCHEDULED, BLOCKED]
    queue.retry(jobs[1].id)
    assert run() == ids(jobs[1:])


@pytest.mark.parametrize("dooms", [True, False])
def test_a_group_is_promoted_to_ready_and_blocked(queue, make, stage, states, run, dooms):
    """What follows runs once, for the end that it is for."""
    group = workflow.group([make(), make()], on_success=make(), on_failure=make())
    queue.promote(stage(group.jobs), tid=1)
    assert states(group.jobs) == [READY, READY, BLOCKED, BLOCKED]
    doomed = [group.members[1].id] if dooms else []
    assert set(run(*doomed)) == set(
        ids([*group.members, group.on_failure if dooms else group.on_success])
    )
    assert states(group.jobs[2:]) == (
        [BLOCKED, State.COMPLETED] if dooms else [State.COMPLETED, State.CANCELLED]
    )


@pytest.mark.parametrize("promotion", ["promote", "promote_staged"])
def test_a_parent_that_ends_before_the_promotion_lets_its_child_go(
    queue, make, stage, run, promotion
):
    """The child is staged when it hears of it, and ready afterwards."""
    parent = queue.put()
    child = make(after=(parent,))
    batch = stage([child])
    assert run() == [parent]
    assert queue.get(child.id).state is STAGED
    getattr(queue, promotion)(batch, tid=1)
    assert run() == [child.id]


def test_a_parent_that_fails_before_the_promotion_blocks_its_child(queue, make, stage, run):
    """Until it was run again; who accepts failure is let go."""
    parent = queue.put()
    child, hardy = make(after=(parent,)), make(after=(parent,), accepts_failure=True)
    batch = stage([child, hardy])
    assert run(parent) == [parent]
    queue.promote(batch, tid=1)
    assert run() == [hardy.id]
    queue.retry(parent)
    assert run() == [parent, child.id]


def test_what_is_for_a_failure_is_never_run_without_one(queue, make, stage, states, run):
    """Also if all that it waited for is done before the promotion."""
    parent = queue.put()
    unneeded = make(after=(parent,), accepts_failure=True, only_if_failed=True)
    batch = stage([unneeded])
    run()
    queue.promote(batch, tid=1)
    assert run() == []
    assert states([unneeded]) == [State.CANCELLED]


def test_a_dropped_batch_leaves_nothing_behind(queue, make, stage, run):
    """Who waits for others hears nothing of it, and in time its rows go."""
    parent = queue.put()
    group = workflow.group([make(after=(parent,)), make()], on_failure=make(), serial=True)
    batch = stage(group.jobs)
    assert queue.drop_staged(batch) == 3
    assert run() == [parent]
    assert queue.prune(older_than=-1) == 4
    for table in ("job", "history", "dependency"):
        with queue.engine.connect() as connection:
            found = connection.exec_driver_sql(f"SELECT count(*) FROM coserver_{table}")
            assert found.scalar() == 0, table


@pytest.mark.parametrize("serial", [True, False])
def test_a_batch_that_was_taken_for_dropped_keeps_its_order(
    queue, make, stage, states, run, serial
):
    """Its producer was slow; it comes back as if nothing had been."""
    group = workflow.group([make(), make()], on_success=make(), on_failure=make(), serial=serial)
    batch = stage(group.jobs)
    queue.drop_staged(batch)
    assert states(group.jobs) == [State.DROPPED] * 4
    queue.promote(batch, tid=1)
    assert states(group.jobs) == [READY, BLOCKED if serial else READY, BLOCKED, BLOCKED]
    assert run() == ids([*group.members, group.on_success])
    assert states([group.on_failure]) == [State.CANCELLED]


@pytest.mark.parametrize("accepts", [True, False])
def test_a_batch_that_was_taken_for_dropped_hears_of_its_parents_later(
    queue, make, stage, run, accepts
):
    """One ended meanwhile; another one has yet to."""
    early, late = queue.put(), queue.put(delay=60)
    child = make(after=(early, late), accepts_failure=accepts)
    batch = stage([child])
    queue.drop_staged(batch)
    assert run() == [early]
    queue.promote(batch, tid=1)
    assert (queue.get(child.id).state, queue.get(child.id).waits_for) == (BLOCKED, 1)
    queue.retry(late)
    assert run() == [late, child.id]


def test_of_members_with_one_key_one_runs_and_is_waited_for(queue, make, stage, run):
    """What follows waits for it once, and isn't left waiting for what was never run."""
    first, twin = make(unique="k"), make(unique="k")
    group = workflow.group([first, twin], on_success=make())
    queue.promote(stage(group.jobs), tid=1)
    assert run() == [first.id, group.on_success.id]


def test_added_members_with_one_key_are_waited_for_once(queue, make, run):
    """Without a request to wait for it is the same."""
    first, twin = make(unique="k"), make(unique="k")
    group = workflow.group([first, twin], on_success=make())
    queue.add_many(group.jobs)
    assert run() == [first.id, group.on_success.id]


def test_members_whose_key_another_job_holds_are_waited_for_there(queue, make, stage, run):
    """All of them, in whatever order they are found."""
    group = workflow.group([make(unique="k") for _ in range(3)], on_success=make())
    batch = stage(group.jobs)
    holder = queue.put(unique="k")
    queue.promote(batch, tid=1)
    assert run() == [holder, group.on_success.id]


def test_a_member_whose_key_was_used_up_is_waited_for_no_more(queue, make, stage, run):
    """An ended job did its work; nothing failed, so what is for a failure isn't needed."""
    group = workflow.group([make(unique="k", unique_for=600)], on_success=make(), on_failure=make())
    batch = stage(group.jobs)
    holder = queue.put(unique="k")
    assert run() == [holder]
    queue.promote(batch, tid=1)
    assert run() == [group.on_success.id]
    assert queue.get(group.on_failure.id).state is State.CANCELLED
    assert queue.get(group.members[0].id).state is State.CANCELLED


def test_a_parent_that_ends_amid_the_promotion_wakes_nobody_for_a_failure(
    queue, make, stage, states, run
):
    """Whether the job is needed is decided on its row, which the promotion holds by then."""
    parent = queue.put()
    unneeded = make(after=(parent,), accepts_failure=True, only_if_failed=True)
    batch = stage([unneeded])
    end = Thread(target=run)
    with queue.engine.begin() as connection:
        cancel_unneeded(connection, batch)
        end.start()
        end.join(1)
        enqueue.promote_staged(connection, batch, tid=1)
    end.join(30)
    assert queue.get(parent).state is State.COMPLETED
    assert states([unneeded]) == [State.CANCELLED]


@pytest.mark.parametrize("fails", [True, False])
def test_who_came_after_a_job_whose_key_was_used_up_hears_how_that_work_ended(
    queue, make, stage, states, run, fails
):
    """It was queued meanwhile by others, and is told as if it had named the one that ran."""
    late = make(unique="k", unique_for=600)
    batch = stage([late])
    holder = queue.put(unique="k")
    child, hardy, only = (
        make(after=(late.id,), accepts_failure=accepts, only_if_failed=only)
        for accepts, only in [(False, False), (True, False), (True, True)]
    )
    queue.add_many([child, hardy, only])
    assert run(*[holder] * fails) == [holder]
    assert states([child, hardy, only]) == [BLOCKED] * 3
    queue.promote(batch, tid=1)
    assert states([child, hardy, only]) == (
        [BLOCKED, READY, READY] if fails else [READY, READY, State.CANCELLED]
    )
    queue.retry(holder)
    run()
    assert queue.get(child.id).state is State.COMPLETED


def test_a_job_that_was_taken_for_dropped_waits_once_for_parents_that_became_one(
    queue, make, stage, run
):
    """Else it would wait for a second one for ever: who merged them found it in the history."""
    late = make(unique="k")
    batch, holder = stage([late]), queue.put(unique="k")
    child = make(after=(late.id, holder))
    slow = stage([child])
    queue.drop_staged(slow)
    queue.promote(batch, tid=1)
    queue.promote(slow, tid=2)
    assert (queue.get(child.id).state, queue.get(child.id).waits_for) == (BLOCKED, 1)
    assert run() == [holder, child.id]
