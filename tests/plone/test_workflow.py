"""Workflows: their jobs are queued if and only if their transaction commits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import transaction
import ZODB

from collective.coserver import queue
from collective.coserver.database import engine as addon_engine
from coserver_consumer import Client
from coserver_consumer.errors import AddError, InvalidJob
from coserver_consumer.model.job import Job, State, new_id
from coserver_consumer.model.workflow import Group
from coserver_consumer.protocol import signing
from support.jobs import Jobs
from tests.plone import functions
from tests.plone.instance import SECRET

PATH = "/plone/@@view"
READY, BLOCKED = State.READY, State.BLOCKED


@pytest.fixture(params=["without ZODB", "with ZODB"])
def place(request: pytest.FixtureRequest, jobs: Jobs, zodb: ZODB.DB) -> str:
    """A transaction that changes the ZODB as well, or doesn't: its jobs are staged, or aren't."""
    if request.param == "with ZODB":
        zodb.open().root()["value"] = "changed"
    return request.param


def make_group(**options: Any) -> Group:
    """Queue a group of two views with a job for either end."""
    return queue.group(
        [queue.job(PATH), queue.job(PATH)],
        on_success=queue.job(PATH),
        on_failure=queue.job(PATH),
        **options,
    )


def commit(ids: Sequence[str]) -> list[Job]:
    """Commit and return the jobs."""
    transaction.commit()
    return [queue.get(job_id) for job_id in ids]


def states(jobs: Sequence[Job]) -> list[State]:
    """Return the jobs' states."""
    return [job.state for job in jobs]


def test_a_job_that_is_only_made_is_not_queued(jobs: Jobs) -> None:
    """It is for a chain or a group."""
    view, call = queue.job(PATH), functions.echo.job(1)
    transaction.commit()
    assert not jobs.exists(view.id)
    assert not jobs.exists(call.id)


def test_a_made_job_is_what_add_would_queue(jobs: Jobs) -> None:
    """With the same arguments, but for its id, and signed with that."""
    said = {"method": "POST", "params": {"x": 1}, "payload": b"y", "view": "@@v", "title": "z"}
    chained, added = commit(
        [*queue.chain([queue.job("/plone", **said)]), queue.add("/plone", **said)]
    )
    assert (chained.args, chained.payload, chained.title) == (
        added.args,
        added.payload,
        added.title,
    )
    signing.verify(chained, SECRET)


def test_the_jobs_of_a_chain_wait_for_one_another(place: str) -> None:
    """The first is ready with the commit, the others are blocked; all bear their signatures."""
    found = commit(queue.chain([queue.job(PATH), functions.echo.job(1), queue.job(PATH)]))
    assert states(found) == [READY, BLOCKED, BLOCKED]
    for job in found:
        signing.verify(job, SECRET)


def test_what_follows_a_group_waits_for_all_of_it(place: str) -> None:
    """Its members are ready with the commit."""
    made = make_group()
    found = commit([job.id for job in made.jobs])
    assert states(found) == [READY, READY, BLOCKED, BLOCKED]
    assert [job.waits_for for job in found] == [0, 0, 2, 2]
    assert [job.only_if_failed for job in found] == [False, False, False, True]


def test_the_members_of_a_serial_group_wait_for_one_another(place: str) -> None:
    """Only the first is ready."""
    found = commit([job.id for job in make_group(serial=True).jobs])
    assert states(found) == [READY, BLOCKED, BLOCKED, BLOCKED]


def test_a_job_can_come_after_one_of_the_same_transaction(place: str) -> None:
    """By the id that is known at once, whatever queued it."""
    first = queue.add(PATH)
    second = functions.echo.options(after=[first]).delay()
    third = queue.add_xmlrpc("/plone", "title", after=[second], accepts_failure=True, limit="x")
    found = commit([first, second, third])
    assert states(found) == [READY, BLOCKED, BLOCKED]
    assert found[2].concurrency_key == "x"


def test_a_job_can_come_after_one_of_another_transaction(place: str) -> None:
    """Which was committed before."""
    [first] = commit([queue.add(PATH)])
    [second] = commit([queue.add(PATH, after=[first.id])])
    assert (second.state, queue.get(first.id).is_parent) == (BLOCKED, True)


def test_an_aborted_transaction_leaves_nothing_of_a_group(place: str, jobs: Jobs) -> None:
    """Neither does a later commit bring it back."""
    made = make_group()
    transaction.abort()
    transaction.commit()
    assert not any(jobs.exists(job.id) for job in made.jobs)


def test_a_savepoint_s_rollback_takes_a_group_back(place: str, jobs: Jobs) -> None:
    """All of it; what was queued before and is queued afterwards stays."""
    before = queue.chain([queue.job(PATH), queue.job(PATH)])
    savepoint = transaction.savepoint()
    made = make_group()
    savepoint.rollback()
    after = queue.add(PATH, after=[before[1]])
    assert states(commit([*before, after])) == [READY, BLOCKED, BLOCKED]
    assert not any(jobs.exists(job.id) for job in made.jobs)


def test_a_group_without_members_is_refused(jobs: Jobs) -> None:
    """At once."""
    with pytest.raises(InvalidJob, match="at least one"):
        queue.group([], on_success=queue.job(PATH))


def test_a_job_can_not_be_queued_twice(jobs: Jobs) -> None:
    """Neither within a chain nor in two; what can't be queued leaves nothing."""
    job, other = queue.job(PATH, title="the same"), queue.job(PATH)
    with pytest.raises(InvalidJob, match=r"the same.*twice"):
        queue.chain([job, job])
    queue.chain([job])
    with pytest.raises(InvalidJob, match=r"the same.*twice"):
        queue.chain([other, job])
    transaction.commit()
    assert (jobs.exists(job.id), jobs.exists(other.id)) == (True, False)


def test_an_unknown_parent_fails_the_transaction(place: str, jobs: Jobs) -> None:
    """Its job could never run; nothing of the transaction is left."""
    other = queue.job(PATH)
    orphan = queue.job(PATH, after=[new_id()])
    queue.chain([orphan] if place == "with ZODB" else [other, orphan])
    with pytest.raises(InvalidJob, match="No job has the id"):
        transaction.commit()
    assert not jobs.exists(orphan.id)
    assert not jobs.exists(other.id)


def test_a_lone_job_with_an_unknown_parent_leaves_nothing(place: str, jobs: Jobs) -> None:
    """Though a lone job is written without a transaction, where nothing depends on it."""
    orphan = queue.add(PATH, after=[new_id()])
    with pytest.raises(InvalidJob):
        transaction.commit()
    assert not jobs.exists(orphan)


def test_a_parent_must_be_queued_before_its_children(place: str, jobs: Jobs) -> None:
    """So there can be no cycles."""
    parent = queue.job(PATH)
    child = queue.add(PATH, after=[parent.id])
    queue.chain([parent])
    with pytest.raises(InvalidJob, match="its parent"):
        transaction.commit()
    assert not jobs.exists(child)
    assert not jobs.exists(parent.id)


def test_no_chain_can_be_queued_after_the_commit(jobs: Jobs) -> None:
    """It would be lost silently."""
    failures = []

    def queue_late(*_: Any) -> None:
        try:
            queue.chain([queue.job(PATH)])
        except AddError as error:
            failures.append(str(error))

    queue.add(PATH)
    transaction.get().addAfterCommitHook(queue_late)
    transaction.commit()
    assert "No job can be queued now" in failures[0]


@pytest.mark.parametrize("make", [lambda: queue.job(PATH), lambda: functions.echo.job(1)])
def test_a_job_can_not_be_queued_again_in_a_later_transaction(place: str, make: Any) -> None:
    """Nor as a part of another chain; that is told at once, and by name."""
    made, other = make(), queue.job(PATH)
    commit(queue.chain([other, made]))
    for again in ([made], [queue.job(PATH), made]):
        with pytest.raises(InvalidJob, match=f"{made.id}.*can be queued once. Make another"):
            queue.chain(again)
    with pytest.raises(InvalidJob, match=made.id):
        queue.group([queue.job(PATH)], on_success=made)


def test_a_job_whose_transaction_was_aborted_can_be_queued(place: str) -> None:
    """Or whose savepoint was rolled back: it never was queued."""
    made = queue.job(PATH)
    queue.chain([made])
    transaction.abort()
    savepoint = transaction.savepoint()
    queue.chain([made])
    savepoint.rollback()
    assert states(commit(queue.chain([made]))) == [READY]


def test_a_job_can_not_be_queued_again_after_a_commit_that_failed(place: str) -> None:
    """It may be in the database: the error can have come after it was written."""
    made = queue.job(PATH, after=[new_id()])
    queue.chain([made])
    with pytest.raises(InvalidJob, match="No job has the id"):
        transaction.commit()
    transaction.abort()
    with pytest.raises(InvalidJob, match="can be queued once"):
        queue.chain([made])


def test_a_job_of_a_client_can_not_be_queued_twice_either(place: str) -> None:
    """Nothing keeps note of it but the database, which tells it in words, and no statement."""
    made = Client(addon_engine.get_engine()).job("view", {"path": PATH})
    commit(queue.chain([made]))
    queue.chain([queue.job(PATH), made])
    with pytest.raises(InvalidJob, match=f"one of these was queued before: .*{made.id}"):
        transaction.commit()
    transaction.abort()
