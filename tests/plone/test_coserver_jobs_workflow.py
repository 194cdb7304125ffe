"""Workflows, run by the fixture for authors of add-ons."""

from __future__ import annotations

from typing import Any

import pytest
import transaction
from plone.app.testing import TEST_USER_ID, setRoles

from collective.coserver import queue
from collective.coserver.testing.consumer import InProcessConsumer
from coserver_consumer.errors import InvalidJob
from coserver_consumer.model.job import Job, State
from coserver_consumer.model.new_job import NewJob
from tests.plone.functions import echo, rule, spell, spell_in_wind, spell_late, sum_up

COMPLETED, CANCELLED, FAILED = State.COMPLETED, State.CANCELLED, State.FAILED
BLOCKED, SCHEDULED = State.BLOCKED, State.SCHEDULED


@pytest.fixture
def site(functional: Any, _views: None) -> Any:
    """The site, with a manager logged in and a title to write behind."""
    portal = functional["portal"]
    setRoles(portal, TEST_USER_ID, ["Manager"])
    portal.title = portal.description = ""
    transaction.commit()
    return portal


def states(*jobs: NewJob | str) -> list[State]:
    """Return the states of jobs."""
    return [queue.get(getattr(job, "id", job)).state for job in jobs]


def ids(jobs: list[Job]) -> list[str]:
    """Return the ids of jobs."""
    return [job.id for job in jobs]


def test_a_chain_runs_in_its_order(coserver_jobs: InProcessConsumer, site: Any) -> None:
    """Whatever the priorities of its jobs."""
    calls = [spell.options(priority=n).job(site, letter) for n, letter in enumerate("abc")]
    chained = queue.chain(calls)
    assert ids(coserver_jobs.run()) == chained
    assert site.title == "abc"


def test_a_chain_stops_at_a_failure_and_goes_on_after_a_retry(
    coserver_jobs: InProcessConsumer, site: Any
) -> None:
    """What waits behind it is blocked meanwhile."""
    middle = spell_in_wind.job(site, "b")
    chained = queue.chain([spell.job(site, "a"), middle, spell.job(site, "c")])
    assert ids(coserver_jobs.run()) == chained[:2]
    assert states(*chained) == [COMPLETED, FAILED, BLOCKED]
    assert ids(coserver_jobs.waiting()) == chained[2:]
    site.description = "wind"
    queue.retry(middle.id)
    assert ids(coserver_jobs.run()) == chained[1:]
    assert site.title == "abc"


def test_a_chain_may_accept_failure(coserver_jobs: InProcessConsumer, site: Any) -> None:
    """Then what is behind a failed job runs as well."""
    doomed = spell.options(max_attempts=1).job(site, "!")
    chained = queue.chain([doomed, spell.job(site, "b")], accepts_failure=True)
    coserver_jobs.run()
    assert states(*chained) == [FAILED, COMPLETED]
    assert site.title == "b"


def test_a_group_s_success_follows_all_of_it_once(
    coserver_jobs: InProcessConsumer, site: Any
) -> None:
    """And what would follow a failure is cancelled."""
    last, unneeded = spell.job(site, "z"), spell.job(site, "!")
    calls = [spell.job(site, letter) for letter in "abc"]
    made = queue.group(calls, on_success=last, on_failure=unneeded)
    ran = coserver_jobs.run()
    assert ids(ran) == [*ids(list(made.members)), last.id]
    assert states(last, unneeded) == [COMPLETED, CANCELLED]
    assert (site.title, coserver_jobs.run()) == ("abcz", [])


def test_a_group_s_failure_follows_all_of_it_once(
    coserver_jobs: InProcessConsumer, site: Any
) -> None:
    """And what would follow the success waits until the failed one was run again."""
    doomed = spell_late.options(max_attempts=2).job(site, "a")
    made = queue.group(
        [doomed, spell.job(site, "b")],
        on_success=spell.job(site, "s"),
        on_failure=spell.job(site, "f"),
    )
    coserver_jobs.run()
    assert states(*made.jobs) == [SCHEDULED, COMPLETED, BLOCKED, BLOCKED]
    queue.cancel(doomed.id)
    coserver_jobs.run()
    assert states(*made.jobs) == [CANCELLED, COMPLETED, BLOCKED, COMPLETED]
    queue.retry(doomed.id)
    coserver_jobs.run()
    coserver_jobs.run(scheduled=True)
    assert states(*made.jobs) == [COMPLETED] * 4
    assert site.title == "bfas"


def test_a_serial_group_runs_in_its_order_whatever_fails(
    coserver_jobs: InProcessConsumer, site: Any
) -> None:
    """One after another; only then what follows a failure."""
    doomed = spell.options(max_attempts=1).job(site, "!")
    calls = [spell.job(site, "a"), doomed, spell.options(priority=9).job(site, "c")]
    made = queue.group(calls, on_failure=spell.job(site, "f"), serial=True)
    assert ids(coserver_jobs.run()) == ids(made.jobs)
    assert site.title == "acf"


def test_what_is_due_later_in_a_chain_is_run_when_told(
    coserver_jobs: InProcessConsumer, site: Any
) -> None:
    """Also what becomes due only because another job has ended."""
    chained = queue.chain([spell.options(delay=60).job(site, letter) for letter in "abc"])
    assert coserver_jobs.run() == []
    assert ids(coserver_jobs.run(scheduled=True)) == chained
    assert site.title == "abc"


def test_what_a_member_queues_is_no_member(coserver_jobs: InProcessConsumer, site: Any) -> None:
    """The group doesn't wait for it; a view is a member like any."""
    options = '{"url": "/plone/@@test-tell-jobs"}'
    first = queue.job(site, view="@@test-queue", params={"options": options})
    last = spell.job(site, "z")
    queue.group([first], on_success=last)
    assert ids(coserver_jobs.run())[0] == first.id
    assert states(first, last) == [COMPLETED, COMPLETED]
    assert site.title == "z"


def test_a_job_s_follow_up_is_told_what_the_job_has_come_to(
    coserver_jobs: InProcessConsumer, site: Any
) -> None:
    """As Python had it, whether it is the call of a function or a view."""
    done, doomed = sum_up.job(), sum_up.job()
    job_id = echo.options(on_success=done, on_failure=doomed).delay({site.UID(): (1, 2)})
    seen = sum_up.job()
    view_id = queue.add(site, view="@@test-tell-jobs", on_success=seen, on_failure=sum_up.job())
    coserver_jobs.run()
    assert states(job_id, done, doomed) == [COMPLETED, COMPLETED, CANCELLED]
    [told] = queue.result(done.id)
    assert told == (job_id, "completed", (({site.UID(): (1, 2)},), {}), None)
    [told] = queue.result(seen.id)
    assert (told[0], told[2]["status"]) == (view_id, 200)


def test_a_follow_up_is_told_of_a_failure(coserver_jobs: InProcessConsumer, site: Any) -> None:
    """And of a job that was cancelled; in the order in which it was said to come after them."""
    doomed = spell.options(max_attempts=1).job(site, "!")
    late = spell.options(delay=60, on_failure=sum_up.job()).job(site, "a")
    last = sum_up.options(after=[late.id, doomed.id], accepts_failure=True).job()
    queue.chain([doomed])
    queue.chain([late])
    queue.chain([last])
    coserver_jobs.run()
    queue.cancel(late.id)
    assert [job.state for job in coserver_jobs.run()] == [COMPLETED] * 2
    cancelled, failed = queue.result(last.id)
    assert cancelled[:3] == (late.id, "cancelled", None)
    assert failed[:3] == (doomed.id, "failed", None)
    assert cancelled[3].startswith("cancelled by")
    assert "LookupError" in failed[3]


def test_eager_calls_have_their_follow_ups_too(coserver_jobs: InProcessConsumer, site: Any) -> None:
    """They are called behind them, and are told what they have come to."""
    with coserver_jobs.eagerly() as calls:
        last, unneeded = sum_up.job(), sum_up.job()
        first = spell.options(on_success=last, on_failure=unneeded).delay(site, "a")
        assert sum_up() == []
    assert calls.results[last.id] == [(first, "completed", "a", None)]
    assert unneeded.id not in calls.results


def test_eager_calls_of_a_workflow_are_made_in_order(
    coserver_jobs: InProcessConsumer, site: Any
) -> None:
    """At once, in the test's transaction; what is for a failure isn't called."""
    with coserver_jobs.eagerly() as calls:
        chained = queue.chain([spell.job(site, "a"), rule.job()])
        last = spell.job(site, "z")
        queue.group([spell.job(site, "b")], on_success=last, on_failure=spell.job(site, "!"))
    assert site.title == "abz"
    assert calls.results[chained[1]].endswith("True")
    assert calls.results[last.id] == "abz"
    assert coserver_jobs.run() == []


def test_an_eager_chain_s_errors_come_through(coserver_jobs: InProcessConsumer, site: Any) -> None:
    """What is behind isn't called; and only calls can be made at once."""
    with coserver_jobs.eagerly():
        with pytest.raises(LookupError):
            queue.chain([spell.job(site, "!"), spell.job(site, "b")])
        with pytest.raises(InvalidJob, match="isn't the call of a function"):
            queue.chain([queue.job("/plone/@@view")])
    assert site.title == ""
