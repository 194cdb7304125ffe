"""How attempts end, and that nobody else can end them."""

import pytest

from coserver_consumer.model.job import RunKey, State
from coserver_consumer.model.lifecycle import Ending
from coserver_consumer.model.outcome import CANCELLED
from coserver_consumer.protocol.codec import why_not_kept


def test_a_completed_job_is_history(queue):
    """Its result is kept and nothing of it stays in the live table."""
    queue.put()
    (job,) = queue.take()
    ending = Ending(key=job.key, state=State.COMPLETED, result={"n": 1})
    assert set(queue.end_attempts([ending])) == {job.key}
    ended = queue.get(job.id)
    assert (ended.state, ended.result, ended.attempt) == (State.COMPLETED, {"n": 1}, 1)
    assert ended.ended_at >= ended.started_at
    assert queue.counts() == {"default": {State.COMPLETED: 1}}


@pytest.mark.parametrize(
    "told",
    [
        {"state": State.COMPLETED},
        {"state": State.COMPLETED, "result": 1},
        {"state": State.FAILED, "error": "late"},
    ],
)
def test_a_stale_consumer_cannot_finish_a_rescued_job(queue, told):
    """The job got a new run; the old attempt's ending changes nothing, and says so."""
    queue.put()
    (stale,) = queue.take()
    queue.unregister(stale.consumer)
    (current,) = queue.take()
    assert current.run > stale.run
    assert not queue.end_attempts([Ending(key=stale.key, **told)])
    assert queue.get(stale.id).state is State.RUNNING
    assert queue.attempts(stale.id) == []
    ending = Ending(key=current.key, state=State.COMPLETED)
    assert set(queue.end_attempts([ending])) == {current.key}


def test_an_ending_is_written_once(queue):
    """Telling the store again, because the answer was lost, is harmless."""
    queue.put()
    (job,) = queue.take()
    ending = Ending(key=job.key, state=State.COMPLETED)
    assert set(queue.end_attempts([ending])) == {job.key}
    assert set(queue.end_attempts([ending])) == {job.key}
    assert queue.counts() == {"default": {State.COMPLETED: 1}}


def test_a_failed_attempt_comes_back_after_its_delay(queue):
    """It is scheduled; its error and traceback are kept."""
    queue.put()
    (job,) = queue.take()
    failed = Ending(
        key=job.key, state=State.SCHEDULED, delay=30, error="boom", traceback="Traceback ..."
    )
    assert set(queue.end_attempts([failed])) == {job.key}
    waiting = queue.get(job.id)
    assert (waiting.state, waiting.attempt, waiting.consumer) == (State.SCHEDULED, 1, None)
    assert waiting.run_at > job.started_at + 29_000_000
    (error,) = queue.attempts(job.id)
    assert (error.error, error.traceback, error.attempt) == ("boom", "Traceback ...", 1)


def test_a_released_job_is_as_before(queue):
    """Given back by a consumer that stops: ready again, the attempt taken back."""
    queue.put()
    (job,) = queue.take()
    queue.end_attempts([Ending(key=job.key, state=State.READY, counted=False)])
    (again,) = queue.take()
    assert (again.id, again.attempt, again.run) == (job.id, 1, 2)


def test_endings_of_all_kinds_go_in_one_call(queue):
    """A batch of different endings, one of them not ours."""
    for _ in range(5):
        queue.put()
    a, b, c, d, e = queue.take(5)
    endings = [
        Ending(key=a.key, state=State.COMPLETED),
        Ending(key=b.key, state=State.COMPLETED, result=2),
        Ending(key=c.key, state=State.FAILED, error="no"),
        Ending(key=d.key, state=State.SCHEDULED, delay=9, error="later"),
        Ending(key=RunKey(e.id, 99), state=State.COMPLETED),
    ]
    assert set(queue.end_attempts(endings)) == {a.key, b.key, c.key, d.key}
    assert queue.counts()["default"] == {
        State.COMPLETED: 2,
        State.FAILED: 1,
        State.SCHEDULED: 1,
        State.RUNNING: 1,
    }


@pytest.mark.parametrize(
    ("told", "error", "errors"),
    [
        ({"state": State.FAILED, "error": "boom"}, "; its attempt had failed: boom", 1),
        ({"state": State.SCHEDULED, "error": "boom"}, "; its attempt had failed: boom", 1),
        ({"state": State.SCHEDULED, "counted": False}, "", 0),
        ({"state": State.CANCELLED, "error": CANCELLED}, "", 0),
        ({"state": State.CANCELLED, "error": "no wind"}, "; no wind", 0),
    ],
)
def test_a_job_that_is_to_be_cancelled_ends_as_cancelled(queue, told, error, errors):
    """It was asked to stop while it ran; its error says by whom, and what failed stays known."""
    child = queue.put(after=[queue.put(max_attempts=1)])
    (job,) = queue.take()
    assert queue.cancel(job.id, by="jane") is State.RUNNING
    ending = Ending(key=job.key, traceback=told.get("error"), **told)
    written, again = queue.end_attempts([ending]), queue.end_attempts([ending])
    for ended in (queue.get(job.id), written[job.key], again[job.key]):
        assert (ended.state, ended.error) == (State.CANCELLED, f"cancelled by jane{error}")
    assert [each.traceback for each in queue.attempts(job.id)] == ["boom"] * errors
    assert queue.get(child).state is State.BLOCKED


def test_a_job_that_ends_well_in_spite_of_a_cancel_is_completed(queue):
    """The work is done; saying otherwise would be a lie."""
    queue.put()
    (job,) = queue.take()
    queue.cancel(job.id)
    queue.end_attempts([Ending(key=job.key, state=State.COMPLETED)])
    assert queue.get(job.id).state is State.COMPLETED


def test_results_and_errors_are_capped(queue):
    """A result over the limit is replaced by a note of its size."""
    queue.put()
    queue.put()
    big, odd = queue.take(2)
    queue.end_attempts(
        [
            Ending(key=big.key, state=State.COMPLETED, result="x" * 200),
            Ending(key=odd.key, state=State.FAILED, error="a\0" + "y" * 10_000),
        ],
        max_result=100,
    )
    assert why_not_kept(queue.get(big.id).result) == "it has 202 characters, 100 are kept"
    assert len(queue.get(odd.id).error) == 4096
