"""How a run ends that was to stop, or that hangs."""

from __future__ import annotations

import pytest

from coserver_consumer.model.job import State
from coserver_consumer.model.lifecycle import cancel, complete, fail
from coserver_consumer.model.outcome import Failed
from coserver_consumer.model.retry import PLAIN, Backoff
from coserver_consumer.worker.run import Run, Stop
from coserver_consumer.worker.run_endings import conclude_attempt, conclude_hanging

ENDINGS = {
    "completed": complete,
    "written": lambda job: complete(job, is_written=True),
    "failed": lambda job: fail(job, Failed(error="wrong")),
    "cancelled": lambda job: cancel(job, "cancelled"),
}
# What becomes of each kind of ending; the last attempt failed, and none of them is tried again.
BECOMES = {
    None: {"completed": "completed", "written": "completed", "failed": "failed"},
    Stop.CANCELLED: {"completed": "completed", "written": "completed", "failed": "failed"},
    Stop.LOST: {"completed": "completed", "written": "completed", "failed": "failed"},
    Stop.SHUTDOWN: {"completed": "ready", "written": "completed", "failed": "ready"},
    Stop.KILLED: {"completed": "completed", "written": "completed", "failed": "cancelled"},
}
CANCELLED_BECOMES = {
    None: "cancelled",
    Stop.CANCELLED: "cancelled",
    Stop.LOST: "ready",
    Stop.SHUTDOWN: "ready",
    Stop.KILLED: "cancelled",
}


@pytest.fixture
def run(make_job) -> Run:
    """One run of a job with its last attempt."""
    job = make_job(attempt=1, max_attempts=1, timeout=5)
    return Run(job, job.key)


@pytest.mark.parametrize("how", ENDINGS)
@pytest.mark.parametrize("stop", [None, *Stop])
def test_what_becomes_of_a_run_that_was_to_stop(run, stop, how):
    """It ends as its attempt has, unless another one may have the job, or its process ends."""
    run.stop = stop
    state = CANCELLED_BECOMES[stop] if how == "cancelled" else BECOMES[stop][how]
    assert conclude_attempt(run, ENDINGS[how](run.job)).state == state


@pytest.mark.parametrize("has_begun", [True, False])
@pytest.mark.parametrize("stop", [Stop.LOST, Stop.SHUTDOWN])
def test_a_run_that_is_given_back_may_expire_only_if_it_had_not_begun(run, stop, has_begun):
    """Its thread stopped before the attempt, or broke it off."""
    run.stop = stop
    ending = cancel(run.job, "cancelled")._replace(has_begun=has_begun)
    assert conclude_attempt(run, ending).has_begun is has_begun


@pytest.mark.parametrize("reasons", [(Stop.KILLED, Stop.SHUTDOWN), (Stop.SHUTDOWN, Stop.KILLED)])
def test_a_killed_job_is_cancelled_though_its_process_ends_as_well(run, reasons):
    """Zope ends its attempt as failed since its consumer doesn't wait any more: we did that."""
    for reason in reasons:
        run.ask_to_stop(reason)
    assert conclude_attempt(run, ENDINGS["failed"](run.job)).state is State.CANCELLED


@pytest.mark.parametrize(("stop", "state"), [(Stop.KILLED, State.CANCELLED), (None, State.FAILED)])
def test_what_a_process_ends_for_is_cancelled_or_has_failed(run, stop, state):
    """Somebody wouldn't wait for it, or it has outrun its timeout."""
    run.stop = stop
    ending = conclude_hanging(run, backoff=Backoff(base=60, cap=60), policy=PLAIN)
    assert ending.state is state
