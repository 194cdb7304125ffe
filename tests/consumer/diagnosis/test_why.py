"""Why a job isn't running: one sentence for each reason, on each database."""

from __future__ import annotations

import pytest

from coserver_consumer import store
from coserver_consumer.diagnosis.why import explain
from coserver_consumer.errors import JobNotFound
from coserver_consumer.model.job import State, new_id
from coserver_consumer.model.lifecycle import complete, fail, retry
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.outcome import Failed
from coserver_consumer.store import claim, enqueue, finish, maintain, manage
from support.new_jobs import make_new


@pytest.fixture
def act(engine):
    """Call a function of the store in a transaction of its own."""

    def call(function, *args, **kw):
        return store.write(engine, lambda connection: function(connection, *args, **kw))

    return call


@pytest.fixture
def put(act):
    """Queue a job."""
    return lambda **values: act(enqueue.add, make_new(**values))


@pytest.fixture
def why(act):
    """Ask."""
    return lambda job_id: act(explain, job_id)


@pytest.fixture
def consumer(act):
    """A consumer of the default queue that knows the task t."""
    info = maintain.ConsumerInfo(
        id=new_id(),
        name="crew",
        hostname="localhost",
        pid=1,
        queues=("default", "other"),
        tasks=("t",),
        capabilities=("linux",),
        threads=2,
        version="0",
    )
    act(maintain.register, info)
    return info.id


@pytest.fixture
def take(act, consumer):
    """Claim what there is."""
    return lambda limit=9: act(
        claim.claim, consumer=consumer, queues=["default"], tasks=["t"], limit=limit
    )


def test_nobody_is_there(put, why):
    """The command that helps is named."""
    assert why(put()) == "No consumer serves queue default: `coserver run --queues default`."


def test_nobody_knows_its_task_or_is_capable(put, why, consumer):
    """It may be a typing error."""
    assert why(put(task="x")) == "No consumer of queue default knows task 'x'; they know t."
    capable = "No consumer of queue default is capable of ffmpeg, linux."
    assert why(put(requires=("ffmpeg", "linux"))) == capable


def test_its_queue_is_unknown_or_paused(put, why, act, consumer):
    """What comes first is said first."""
    assert why(put(queue="other")).startswith("No queue is called 'other'; known are: default.")
    act(manage.add_queue, "daily mail")
    job_id = put(queue="daily mail")
    command = "`coserver run --queues 'daily mail'`"
    assert why(job_id) == f"No consumer serves queue daily mail: {command}."
    act(manage.pause, "daily mail")
    command = "`coserver queues resume 'daily mail'`"
    assert why(job_id) == f"Queue daily mail is paused: {command}."


def test_rules_of_its_queue(put, why, act, take):
    """How many run, how many have begun."""
    act(manage.set_max_running, "default", 1)
    put(), put()
    take()
    assert why(put()) == "Queue default lets 1 run at once, and so many do."
    act(manage.set_max_running, "default", None)
    act(manage.set_rate, "default", 1, 600)
    take()
    assert why(put()) == "Queue default lets 1 begin in 10 min, and so many have."


def test_its_limit(put, why, take):
    """Which one, and for which key."""
    put(limit="feeds"), take()
    reason = "Limit '*' lets 1 run at once with the key 'feeds', and so many do."
    assert why(put(limit="feeds")) == reason


def test_others_are_before_it(put, why, consumer):
    """How many."""
    first, second, third = put(), put(), put()
    turn = "It waits for its turn in queue default:"
    assert why(first) == f"{turn} 0 jobs are before it, and 0 of 2 threads are busy."
    assert why(third).startswith(f"{turn} 2 jobs are before it")
    assert why(second).startswith(f"{turn} 1 job is before it")


def test_it_is_for_later(put, why, act, take):
    """By wish, or since an attempt failed."""
    assert why(put(delay=10_800)).endswith(", in 3 h.")
    job_id = put()
    [job] = take()
    act(finish.end_attempts, [retry(job, Failed(error="no ship\nat all"), 600)])
    assert why(job_id).startswith("Attempt 1 failed (no ship); it is tried again at ")


def test_it_waits_for_another(put, why, act, take):
    """Which one, how that stands, and what to do if it failed."""
    parent, other = put(), put()
    child = put(after=(parent, other))
    assert why(child) == f"It waits for job {parent}, which is ready, and for 1 other."
    first, _ = take()
    act(finish.end_attempts, [fail(first, Failed(error="no"))])
    assert why(child) == (
        f"It waits for job {parent}, which failed, and for 1 other: "
        "run that one again, or cancel this one."
    )


def test_it_waits_for_one_that_is_gone(put, why, engine):
    """Then it would wait for ever, unless somebody does what is said."""
    parent = put()
    child = put(after=[parent])
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM coserver_job WHERE is_parent")
    assert why(child) == (
        f"It waits for job {parent}, which is gone: cancel this one, and retry it then if it is to "
        "run all the same."
    )


def test_it_may_expire(put, why, engine):
    """Which is said whatever it waits for; once it is overdue, that is why it doesn't run."""
    ready, later = put(expires=3600), put(delay=60, expires=3600)
    for job_id in (ready, later):
        assert " It expires at 2" in why(job_id)
        assert why(job_id).endswith(", unless it has begun by then.")
    assert why(ready).startswith("No consumer serves queue default")
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE coserver_job SET expires_at = created_at")
    assert why(ready).startswith("It expired at 2")
    with engine.begin() as connection:
        assert set(finish.expire_overdue(connection)) == {ready, later}
    assert why(ready).startswith("It isn't waiting: it was ended as expired at 2")
    assert why(ready).endswith(": No consumer began it in time.")


def test_it_waits_for_one_that_has_expired(put, why, engine):
    """Which doesn't help by itself."""
    parent = put(expires=3600)
    child = put(after=[parent])
    with engine.begin() as connection:
        passed = "UPDATE coserver_job SET expires_at = created_at WHERE expires_at > 0"
        connection.exec_driver_sql(passed)
        finish.expire_overdue(connection)
    assert f"It waits for job {parent}, which has expired" in why(child)


def test_it_runs_or_has_ended(put, why, act, take):
    """Then that is the answer."""
    job_id = put()
    [job] = take()
    assert why(job_id) == "It is running on crew for 0 s, attempt 1."
    act(finish.vote, job.key, evidence={})
    assert why(job_id) == "It has done its work, which is being committed to the ZODB."
    act(finish.complete_finishing, job.key, None)
    assert why(job_id).startswith("It isn't waiting: it was completed at 2")
    failed = put()
    act(finish.end_attempts, [fail(job, Failed(error="no")) for job in take()])
    assert why(failed).endswith(": no.")
    with pytest.raises(JobNotFound):
        why(new_id())


def test_every_state_has_a_sentence(put, why, act, take):
    """Also one whose request hasn't finished."""
    job = NewJob(task="t")
    act(enqueue.stage, [job], batch=new_id(), evidence={})
    assert act(manage.get, job.id).state is State.STAGED
    assert why(job.id).startswith("The request that queued it hasn't finished")
    act(finish.end_attempts, [complete(each) for each in take()])
