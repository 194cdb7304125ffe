"""Jobs that wait for others, on each database."""

from __future__ import annotations

from threading import Barrier, Thread

import pytest

from coserver_consumer.errors import InvalidJob, WrongState
from coserver_consumer.model import workflow
from coserver_consumer.model.job import State, new_id
from coserver_consumer.model.lifecycle import complete, fail
from coserver_consumer.model.outcome import Failed
from coserver_consumer.store import finish
from support.new_jobs import make_new

FAILED = Failed(error="no")


@pytest.fixture
def make():
    """Make a job that isn't queued yet."""
    return make_new


def test_a_job_waits_for_its_parents(queue):
    """It is blocked until the last of them is completed."""
    one, two = queue.put(), queue.put()
    child = queue.put(after=(one, two))
    first, second = queue.take(9)
    assert queue.get(child).state is State.BLOCKED
    queue.end_attempts([complete(first)])
    assert queue.get(child).state is State.BLOCKED
    queue.end_attempts([complete(second)])
    assert [job.id for job in queue.take(9)] == [child]


def test_a_parent_that_has_ended_is_not_waited_for(queue):
    """Whether it ended long ago or a moment before."""
    parent = queue.put()
    queue.end_attempts([complete(job) for job in queue.take()])
    assert queue.get(queue.put(after=(parent,))).state is State.READY


def test_a_delay_counts_as_well(queue):
    """The later of both."""
    parent = queue.put()
    child = queue.put(after=(parent,), delay=600)
    queue.end_attempts([complete(job) for job in queue.take(9)])
    assert queue.get(child).state is State.SCHEDULED


def test_a_failed_parent_blocks_until_it_is_run_again(queue):
    """Nobody is told that all is well, and nothing is lost."""
    parent = queue.put()
    child = queue.put(after=(parent,))
    queue.end_attempts([fail(job, FAILED) for job in queue.take()])
    assert queue.get(child).state is State.BLOCKED
    queue.retry(parent)
    queue.end_attempts([complete(job) for job in queue.take()])
    assert queue.get(child).state is State.READY


def test_a_failed_parent_releases_who_accepts_it(queue):
    """And counts as failed."""
    parent = queue.put()
    child = queue.put(after=(parent,), accepts_failure=True)
    queue.cancel(parent)
    found = queue.get(child)
    assert (found.state, found.failed_parents) == (State.READY, 1)


def test_a_parent_that_failed_before_blocks_as_well(queue):
    """The child came too late to see it happen."""
    parent = queue.put()
    queue.cancel(parent)
    assert queue.get(queue.put(after=(parent,))).state is State.BLOCKED
    late = queue.put(after=(parent,), accepts_failure=True)
    assert queue.get(late).state is State.READY


@pytest.mark.parametrize("has_effect", [False, True])
def test_a_child_that_came_late_goes_on_when_its_parent_is_run_again(queue, has_effect):
    """However the parent is completed then."""
    parent = queue.put()
    queue.cancel(parent)
    child = queue.put(after=(parent,))
    queue.retry(parent)
    [job] = queue.take(9)
    if has_effect:
        queue.complete_running(job.key, None)
    else:
        queue.end_attempts([complete(job)])
    assert queue.get(child).state is State.READY


def test_a_chain_runs_in_its_order(queue, make):
    """One after the other."""
    ids = queue.add_many(workflow.chain([make() for _ in range(4)]))
    seen = []
    while jobs := queue.take(9):
        assert len(jobs) == 1
        seen.append(jobs[0].id)
        queue.end_attempts([complete(jobs[0])])
    assert seen == ids


def test_a_serial_group_goes_on_behind_a_failure(queue, make):
    """One at a time, and its on_failure runs in the end."""
    group = workflow.group([make() for _ in range(3)], on_failure=make(), serial=True)
    queue.add_many(group.jobs)
    seen = []
    while jobs := queue.take(9):
        assert len(jobs) == 1
        seen.append(jobs[0].id)
        queue.end_attempts([fail(jobs[0], FAILED) if len(seen) == 1 else complete(jobs[0])])
    assert seen == [job.id for job in group.jobs]


def test_a_group_that_succeeds(queue, make):
    """on_success runs once, on_failure is cancelled."""
    group = workflow.group([make() for _ in range(5)], on_success=make(), on_failure=make())
    queue.add_many(group.jobs)
    queue.end_attempts([complete(job) for job in queue.take(9)])
    assert [job.id for job in queue.take(9)] == [group.on_success.id]
    cancelled = queue.get(group.on_failure.id)
    assert (cancelled.state, cancelled.error) == (
        State.CANCELLED,
        "None of the jobs that it waited for failed.",
    )


def test_a_group_that_fails(queue, make):
    """on_failure runs once all have ended, on_success waits for the failed one."""
    group = workflow.group([make() for _ in range(3)], on_success=make(), on_failure=make())
    queue.add_many(group.jobs)
    first, *others = queue.take(9)
    queue.end_attempts([fail(first, FAILED)])
    assert queue.take(9) == []
    queue.end_attempts([complete(job) for job in others])
    assert [job.id for job in queue.take(9)] == [group.on_failure.id]
    assert queue.get(group.on_success.id).state is State.BLOCKED
    queue.retry(first.id)
    queue.end_attempts([complete(job) for job in queue.take(9)])
    assert [job.id for job in queue.take(9)] == [group.on_success.id]


def test_what_a_cancelled_job_was_waited_for_goes_on(queue, make):
    """A group's on_failure that isn't needed is an ending like any other."""
    group = workflow.group([make()], on_failure=make())
    child = make(after=(group.on_failure.id,), accepts_failure=True)
    queue.add_many([*group.jobs, child])
    queue.end_attempts([complete(job) for job in queue.take(9)])
    assert [job.id for job in queue.take(9)] == [child.id]


def test_parents_that_end_at_once_let_their_child_go_once(queue, make):
    """Each transaction takes its own dependency away; the last one sees that it is the last."""
    members = [make() for _ in range(8)]
    group = workflow.group(members, on_success=make())
    queue.add_many(group.jobs)
    jobs = queue.take(8)
    start = Barrier(4)

    def end(mine):
        start.wait(10)
        for job in mine:
            queue.end_attempts([complete(job)])

    threads = [Thread(target=end, args=(jobs[number::4],)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    found = queue.get(group.on_success.id)
    assert (found.state, found.waits_for) == (State.READY, 0)


def test_an_attempt_that_its_own_transaction_ends_lets_children_go(queue):
    """Also one who came while it ran, whom the claim knew nothing of."""
    parent = queue.put()
    [job] = queue.take()
    child = queue.put(after=(parent,))
    assert queue.complete_running(job.key, None)
    assert queue.get(child).state is State.READY


def test_whoever_ends_it_outside_a_transaction_does_both_or_nothing(queue):
    """An effect's connection may commit each statement by itself."""
    parent = queue.put()
    [job] = queue.take()
    child = queue.put(after=(parent,))
    is_sqlite = queue.engine.dialect.name == "sqlite"  # there it never does
    mode = {} if is_sqlite else {"isolation_level": "AUTOCOMMIT"}
    with queue.engine.connect().execution_options(**mode) as connection, connection.begin():
        assert finish.complete_running(connection, job.key, None)
    assert queue.get(child).state is State.READY


def test_there_are_no_cycles(queue, make):
    """A parent was there before its child."""
    one, two = make(), make()
    for jobs in (
        [make(id=one.id, after=(two.id,)), make(id=two.id, after=(one.id,))],
        [make(id=one.id, after=(one.id,))],
    ):
        with pytest.raises(InvalidJob, match="can't be added before"):
            queue.add_many(jobs)
    assert queue.find() == []


@pytest.mark.parametrize("parent", ["01980cf2-53a1-7000-8000-0123456789ab", "x", ""])
def test_a_parent_that_nobody_knows_is_refused(queue, parent):
    """A child would wait for ever."""
    with pytest.raises(InvalidJob, match="the id"):
        queue.put(after=(parent,))
    assert queue.find() == []


def test_a_blocked_job_can_be_cancelled_and_run_anyway(queue):
    """People decide. Who only wants to run it again is told so."""
    parent = queue.put()
    child = queue.put(after=(parent,))
    with pytest.raises(WrongState, match=r"is blocked.* cancel this one and retry it then"):
        queue.retry(child)
    queue.cancel(child)
    queue.retry(child)
    assert {job.id for job in queue.take(9)} == {parent, child}


def test_a_child_of_a_job_whose_key_is_held_waits_for_the_holder(queue, make):
    """The holder does the work that the child needs."""
    holder = queue.put(unique="k")
    twin = make(unique="k")
    _, child = queue.add_many([twin, make(after=(twin.id,))])
    [job] = queue.take(9)
    assert (job.id, queue.get(child).state) == (holder, State.BLOCKED)
    queue.end_attempts([complete(job)])
    assert queue.get(child).state is State.READY


def test_the_poisoned_end_their_children_s_wait(queue):
    """However a job ends, who waits for it is told."""
    parent = queue.put()
    child = queue.put(after=(parent,), accepts_failure=True)
    queue.take()
    queue.rescue(dead_after=-1, max_rescues=1)
    assert queue.get(child).state is State.READY
    assert [job.id for job in queue.find(min_rescues=1)] == [parent]


def test_old_dependencies_go_with_their_jobs(queue):
    """Nothing is left in the table."""
    parent = queue.put()
    child = queue.put(after=(parent,))
    queue.cancel(child)
    queue.prune(older_than=-1)
    assert queue.parents(child) == []


def test_a_child_of_two_jobs_that_turn_out_to_be_one_waits_for_one(queue, make):
    """Their unique keys are the same."""
    twins = [make(unique="k"), make(unique="k")]
    _, _, child = queue.add_many([*twins, make(after=tuple(twin.id for twin in twins))])
    [job] = queue.take(9)
    queue.end_attempts([complete(job)])
    assert [job.id for job in queue.take(9)] == [child]


@pytest.fixture
def commit(queue):
    """Queue jobs as a transaction with the ZODB does; it may be taken for dead at first."""

    def commit(jobs, *, is_slow=False):
        batch = new_id()
        queue.stage(jobs, batch=batch, evidence={})
        if is_slow:
            queue.drop_staged(batch)
        queue.promote(batch, tid=1)

    return commit


def test_a_committed_child_of_jobs_that_turn_out_to_be_one_waits_for_one(queue, make, commit):
    """Also if somebody else holds their key."""
    for _ in range(2):
        twins = [make(unique="k"), make(unique="k")]
        child = make(after=tuple(twin.id for twin in twins))
        commit([*twins, child])
        commit([late := make(unique="k"), after := make(after=(late.id,))])
        [job] = queue.take(9)
        queue.end_attempts([complete(job)])
        assert {job.id for job in queue.take(9)} == {child.id, after.id}


def test_a_committed_child_of_a_job_whose_work_was_done_goes_on(queue, make, commit):
    """Its key is held for a time by a job that has ended."""
    queue.put(unique="k", unique_for=600)
    queue.end_attempts([complete(job) for job in queue.take()])
    parent = make(unique="k", unique_for=600)
    commit([parent, child := make(after=(parent.id,))])
    assert [job.id for job in queue.take(9)] == [child.id]


def test_of_several_ended_holders_the_last_made_counts(queue, make, commit):
    """Whichever of them ended last."""
    first = queue.put(unique="k")
    queue.end_attempts([fail(job, FAILED) for job in queue.take()])
    queue.put(unique="k")
    queue.end_attempts([complete(job) for job in queue.take()])
    queue.retry(first)
    queue.end_attempts([fail(job, FAILED) for job in queue.take()])
    parent = make(unique="k", unique_for=600)
    commit([parent, child := make(after=(parent.id,))])
    assert queue.get(child.id).state is State.READY


def test_jobs_never_wait_for_each_other(queue, make):
    """Not even if the one that does the work of a job's parent waits for that job."""
    parent, batch = make(unique="k"), new_id()
    child = make(after=(parent.id,))
    queue.stage([parent, child], batch=batch, evidence={})
    holder = queue.put(unique="k", after=(child.id,))
    queue.promote(batch, tid=1)
    assert [each.id for each in queue.parents(child.id)] == [parent.id]
    queue.cancel(holder)
    queue.retry(parent.id)
    for job_id in (parent.id, child.id):
        [job] = queue.take(9)
        assert job.id == job_id
        queue.end_attempts([complete(job)])


def test_no_job_waits_for_itself(queue, make):
    """Not even if it holds the key of the one that it waits for."""
    parent, batch = make(unique="k"), new_id()
    queue.stage([parent], batch=batch, evidence={})
    holder = queue.put(unique="k", after=(parent.id,), accepts_failure=True)
    queue.promote(batch, tid=1)
    assert queue.get(parent.id).state is State.CANCELLED
    assert [job.id for job in queue.take(9)] == [holder]


def test_a_committed_job_for_failures_is_not_needed_without_one(queue, make, commit):
    """The job that it waited for was completed before the commit."""
    parent = queue.put()
    queue.end_attempts([complete(job) for job in queue.take()])
    commit([job := make(after=(parent,), accepts_failure=True, only_if_failed=True)])
    assert queue.get(job.id).state is State.CANCELLED


def test_a_group_that_was_taken_for_dropped_runs_in_its_order(queue, make, commit):
    """What was dropped hasn't failed."""
    group = workflow.group([make() for _ in range(3)], on_failure=make(), serial=True)
    commit(group.jobs, is_slow=True)
    seen = []
    while jobs := queue.take(9):
        seen += [job.id for job in jobs]
        queue.end_attempts([complete(job) for job in jobs])
    assert seen == [job.id for job in group.members]
    assert queue.get(group.on_failure.id).state is State.CANCELLED


def test_a_parent_that_failed_while_its_child_was_taken_for_dropped_has_failed(queue, make):
    """The child asks when it comes back."""
    parent, batch = queue.put(), new_id()
    child = make(after=(parent,), accepts_failure=True, only_if_failed=True)
    queue.stage([child], batch=batch, evidence={})
    queue.drop_staged(batch)
    queue.cancel(parent)
    queue.promote(batch, tid=1)
    assert queue.get(child.id).state is State.READY
