"""Lines that jobs log about themselves."""

from coserver_consumer.model.job import State
from coserver_consumer.model.lifecycle import Ending
from coserver_consumer.store.manage.job_log import MAX_LINES


def test_lines_are_kept_in_their_order_with_their_attempt(queue):
    """And stay when the job has ended; NUL is replaced, since PostgreSQL can't hold it."""
    queue.put()
    (job,) = queue.take()
    assert queue.add_line(job.key, "sails set")
    queue.end_attempts([Ending(key=job.key, state=State.SCHEDULED)])
    (again,) = queue.take()
    assert queue.add_line(again.key, "anchor\0up")
    queue.end_attempts([Ending(key=again.key, state=State.COMPLETED)])
    said = [(line.attempt, line.text) for line in queue.lines(job.id)]
    assert said == [(1, "sails set"), (2, "anchor\N{REPLACEMENT CHARACTER}up")]


def test_a_run_that_is_not_current_logs_nothing(queue):
    """Its job was given to another consumer."""
    queue.put()
    (job,) = queue.take()
    queue.unregister(job.consumer)
    assert not queue.add_line(job.key, "still here")
    assert queue.lines(job.id) == []


def test_of_many_lines_the_last_are_kept(queue):
    """A loop that logs doesn't fill the database; other jobs' lines aren't touched."""
    queue.put()
    queue.put()
    chatty, quiet = queue.take(2)
    queue.add_line(quiet.key, "once")
    for number in range(MAX_LINES + 3):
        queue.add_line(chatty.key, str(number))
    kept = [line.text for line in queue.lines(chatty.id)]
    assert (len(kept), kept[0], kept[-1]) == (MAX_LINES, "3", str(MAX_LINES + 2))
    assert len(queue.lines(quiet.id)) == 1
