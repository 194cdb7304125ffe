"""A consumer that lives finds what was moved, or given a higher priority, behind its back."""

from __future__ import annotations

from support.waiting import wait_for

ONE_THREAD = ("--threads", "1", "--processes", "1")
MANY = 3000  # far more than the consumer does before the test is over


def test_a_job_that_gets_a_high_priority_is_taken_before_those_in_front(
    start_consumer, client, jobs
):
    """Though the consumer's search goes on behind the last job that it took."""
    start_consumer(*ONE_THREAD)
    ids = client.add_many("test.rest", [{"seconds": 0.02}] * MANY)
    jobs.wait_ended(ids[3])
    client.set_priority(ids[-1], 60)
    jobs.wait_completed(ids[-1])
    assert client.get(ids[-2]).state == "ready"
    assert client.count(states="ready") > 0
    client.cancel_many(all=True)


def test_jobs_that_are_moved_into_a_served_queue_are_run(start_consumer, client, jobs):
    """The oldest of all jobs comes into a queue whose consumer is far behind its rank."""
    jobs.add_queue("elsewhere")
    oldest = client.add("test.echo", {"n": 1}, queue="elsewhere")
    start_consumer(*ONE_THREAD)
    ids = client.add_many("test.rest", [{"seconds": 0.02}] * MANY)
    jobs.wait_ended(ids[3])
    assert client.move_many("default", queues="elsewhere").changed == 1
    jobs.wait_completed(oldest)
    assert client.get(ids[-1]).state == "ready"
    client.cancel_many(all=True)
    wait_for(lambda: client.count(states="running") == 0, what="the last one to end")
