"""What code in Zope asks of many jobs, changes about them, and waits for."""

from __future__ import annotations

import json
from typing import Any

import pytest
import transaction
from plone.app.testing import TEST_USER_ID, setRoles

from collective.coserver import queue
from collective.coserver.testing.consumer import InProcessConsumer
from coserver_consumer import Client
from coserver_consumer.errors import InvalidJob, NotCommitted, UnknownQueue
from coserver_consumer.model import lifecycle
from coserver_consumer.model.job import State
from coserver_consumer.model.outcome import Failed
from coserver_consumer.protocol import signing
from coserver_consumer.store import finish
from support.jobs import Jobs
from tests.plone import functions
from tests.plone.instance import SECRET, Instance

PATH = "/plone/@@view"


@pytest.fixture
def three(functional: Any, jobs: Jobs) -> list[str]:
    """Three jobs of the site, one of them later; another program's job beside them."""
    ids = [queue.add(PATH), queue.add(PATH, delay=3600), queue.add(PATH)]
    transaction.commit()
    Client(jobs.engine).add("mail.send")
    return ids


def test_jobs_of_the_site_are_found_and_counted(three: list[str]) -> None:
    """Unless all are asked for, or those of another site."""
    assert [job.id for job in queue.find()] == three[::-1]
    assert [job.id for job in queue.find(states="scheduled")] == [three[1]]
    assert (queue.count(), queue.count(site=queue.EVERY_SITE)) == (3, 4)
    assert (queue.count(tasks="mail.send"), queue.count(site="/plone")) == (0, 3)
    assert (queue.count(site="/elsewhere"), queue.count(text="*")) == (0, 0)


def test_changes_are_made_at_once(three: list[str], jobs: Jobs) -> None:
    """Whatever becomes of the transaction; a signed job is signed for its new queue."""
    jobs.add_queue("slow")
    queue.set_priority(three[0], 9)
    queue.move(three[0], "slow")
    assert queue.move_many("slow", states="scheduled").changed == 1
    assert queue.set_priority_many(-1, states="ready").changed == 2
    transaction.abort()
    assert [(job.queue, job.priority) for job in queue.find()] == [
        ("default", -1),
        ("slow", 0),
        ("slow", -1),
    ]
    for job in queue.find(queues="slow"):
        signing.verify(job, SECRET)
    with pytest.raises(UnknownQueue):
        queue.move_many("slwo", all=True)


def test_many_are_cancelled_and_run_again(three: list[str], jobs: Jobs) -> None:
    """In this site only, unless all sites are named; and never without a word of which."""
    for change in (queue.cancel_many, queue.retry_many):
        for nothing in ({}, {"site": queue.EVERY_SITE}):
            with pytest.raises(InvalidJob, match=r"Say which jobs.*or all=True"):
                change(**nothing)
    for wrong in (
        lambda: queue.cancel_many(all=True, kill="no"),
        lambda: queue.cancel_many(text=""),
    ):
        with pytest.raises(InvalidJob, match=r"kill is 'no'|text is ''"):
            wrong()
    with pytest.raises(InvalidJob, match="priority is 'x'"):
        queue.set_priority_many("x", text="no such job")  # type: ignore[arg-type]
    assert queue.cancel_many(all=True).changed == 3
    assert queue.count(site=queue.EVERY_SITE, states="ready") == 1
    assert queue.retry_many(states="cancelled", tasks="view").changed == 3
    every = [job.id for job in queue.find(site=queue.EVERY_SITE)]
    done = queue.cancel_many(ids=every)
    assert (done.changed, len(done.refused), queue.count(ids=every)) == (3, 1, 3)
    assert queue.cancel_many(all=True, site=queue.EVERY_SITE).changed == 1


def test_a_request_runs_only_its_own_jobs_again(instance: Instance) -> None:
    """Those of others are refused, each with its reason; a manager may do all."""
    for name, roles in (("jane", ["Member"]), ("john", ["Member"]), ("boss", ["Manager"])):
        instance.add_user(name, roles=tuple(roles))
    for login in ("jane", "john"):
        instance.queue("/plone/@@test-tell", login=login)
        ended = lifecycle.fail(instance.claim(), Failed(error="no wind"))
        with instance.jobs.engine.begin() as connection:
            finish.end_attempts(connection, [ended])
    answers = [
        json.loads(instance.browse("/plone/@@test-retry-many", login=login).text)
        for login in (None, "jane", "boss")
    ]
    assert [changed for changed, _ in answers] == [0, 1, 1]
    assert [len(refused) for _, refused in answers] == [2, 1, 0]
    assert "only its owner and those who have the permission" in answers[1][1][0]


@pytest.mark.usefixtures("_views")
def test_a_job_is_waited_for_once_it_is_committed(
    functional: Any, coserver_jobs: InProcessConsumer
) -> None:
    """Not before: nobody could run it, and the wait would be in vain."""
    group = queue.group([functions.echo.job(n) for n in range(2)])
    ids = [job.id for job in group.members]
    for wait in (lambda: queue.wait(ids[1], 60), lambda: queue.wait_many(group, 60)):
        with pytest.raises(NotCommitted, match=f"Job {ids[0]}|Job {ids[1]}"):
            wait()
    transaction.commit()
    with pytest.raises(TimeoutError, match="2 of 2 jobs haven't ended after 0 s"):
        queue.wait_many(group, 0)
    coserver_jobs.run()
    assert [job.id for job in queue.wait_many(reversed(ids), 60)] == ids[::-1]
    assert queue.wait(ids[0], 60).state is State.COMPLETED


@pytest.mark.usefixtures("_views")
def test_the_job_that_does_the_work_is_waited_for(
    functional: Any, coserver_jobs: InProcessConsumer
) -> None:
    """Of two with one unique key, whichever was asked for."""
    first = functions.echo.options(unique="k").delay()
    transaction.commit()
    second = functions.echo.options(unique="k").delay()
    transaction.commit()
    with pytest.raises(TimeoutError, match=f"{first} is still ready"):
        queue.wait(second, 0)
    coserver_jobs.run()
    assert [job.id for job in queue.wait_many([second, first], 60)] == [first, first]


@pytest.mark.usefixtures("_views")
@pytest.mark.parametrize("with_zodb", [False, True])
def test_the_jobs_that_do_the_work_of_a_group_are_waited_for(
    functional: Any, coserver_jobs: InProcessConsumer, *, with_zodb: bool
) -> None:
    """One that has a member's key, and one of two members with the same key."""
    holder = functions.echo.options(unique="held").delay("held")
    transaction.commit()
    calls = [functions.echo.options(unique=key).job(key) for key in ("held", "k", "k")]
    group = queue.group(calls, on_success=functions.echo.job("last"))
    if with_zodb:
        functional["portal"].title = "changed"
    transaction.commit()
    one = queue.get(group.members[1].id).id
    assert [queue.get(job.id).id for job in group.members] == [holder, one, one]
    assert len(coserver_jobs.run()) == 3
    assert [job.id for job in queue.wait_many(group, 0)] == [holder, one, one]
    assert [queue.result(job.id)[0] for job in group.members] == [("held",), ("k",), ("k",)]
    assert queue.get(group.on_success.id).state is State.COMPLETED


@pytest.mark.usefixtures("_views")
def test_a_script_runs_jobs_itself(functional: Any, jobs: Jobs) -> None:
    """In its own thread, through the publisher; then it sees what they did."""
    site = functional["portal"]
    setRoles(site, TEST_USER_ID, ["Manager"])
    renamed = functions.rename.delay(site, "renamed")
    failing = functions.fail.options(max_attempts=2).delay(site)
    transaction.commit()
    other = Client(jobs.engine).add("mail.send")
    assert queue.run_until_empty() == {State.COMPLETED: 1, State.SCHEDULED: 1}
    assert (site.title, queue.result(renamed)) == ("renamed", "/plone")
    assert (queue.get(failing).attempt, queue.get(other).state) == (1, State.READY)
    assert jobs.consumers() == []


def test_jobs_are_not_run_where_they_would_end_another_transaction(instance: Instance) -> None:
    """With changes that aren't committed, or in a request."""
    answer = instance.browse("/plone/@@test-run-until-empty")
    assert "a request is being published in this thread" in answer.text
    job_id = queue.add("/plone/@@test-tell")
    with pytest.raises(NotCommitted, match="the transaction has changes"):
        queue.run_until_empty()
    transaction.commit()
    assert queue.run_until_empty() == {State.COMPLETED: 1}
    assert queue.get(job_id).state is State.COMPLETED
