"""Jobs as people look for them."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from coserver_consumer import store
from coserver_consumer.model.job import State
from coserver_consumer.model.lifecycle import fail, retry
from coserver_consumer.model.outcome import Failed
from coserver_consumer.store import manage
from coserver_consumer.store.schema import tables

HOUR = 3_600_000_000  # microseconds


@pytest.fixture
def three(queue):
    """One job that failed, one that is tried again, and one that is due later."""
    failed, again = queue.put(title="Mail to Jo", task="mail"), queue.put(title="Feed 7 of 9")
    planned = queue.put(title="Christmas letter", delay=600)
    jobs = {job.id: job for job in queue.take(9, tasks=["t", "mail"])}
    said = Failed(error="Mailbox jo@example.org is 100% full")
    endings = [fail(jobs[failed], said), retry(jobs[again], Failed(error="host is down"), 60)]
    queue.end_attempts(endings)
    return failed, again, planned


def test_each_word_finds_its_jobs(queue, three):
    """Words of the title, gaps in an error, parts of an id, and what was tried before."""
    failed, again, planned = three

    def found(**wanted):
        return [job.id for job in queue.find(**wanted)]

    assert found(titles=["letter", "CHRIST"]) == [planned]
    assert found(titles=["letter", "Jo"]) == []
    assert found(error="mailbox … is 100% full") == [failed]
    assert found(error="mailbox … is 1000 full") == []
    assert found(error="down") == [again]
    assert found(id_part=failed.replace("-", "")[-7:]) == [failed]
    assert found(id_part=again.replace("-", "")[:14]) == [
        each for each in (planned, again, failed) if each[:15] == again[:15]
    ]
    scheduled = {"states": [State.SCHEDULED, State.FAILED]}
    assert found(is_tried=True, **scheduled) == [again, failed]
    assert found(is_tried=False, **scheduled) == [planned, failed]


def test_old_jobs_are_found_by_when_they_were_queued(queue, three):
    """By their time, whatever the clock said of whoever made the id."""
    failed, _, planned = three
    hour_ago = queue.now() - HOUR
    for table, job_id in ((tables.history, failed), (tables.job, planned)):
        old = sa.update(table).where(table.c.id == job_id).values(created_at=hour_ago)
        store.write(queue.engine, lambda connection, old=old: connection.execute(old))
    assert [job.id for job in queue.find(until=hour_ago)] == [planned, failed]


def test_the_newest_are_counted_by_what_became_of_them(queue, three):
    """And whoever asks is told if there are more than were looked at."""
    tried, untried = True, False
    found = queue.count_newest(most=10)
    assert found.numbers == {
        (State.FAILED, tried): 1,
        (State.SCHEDULED, tried): 1,
        (State.SCHEDULED, untried): 1,
    }
    assert found.is_whole == {True: True, False: True}
    found = queue.count_newest(most=2, titles=["Feed"])
    assert found.numbers == {(State.SCHEDULED, tried): 1}
    assert found.is_whole == {True: False, False: True}


@pytest.fixture
def meanwhile(queue):
    """Let something happen to jobs, in another connection, after the first look at them."""
    other = store.open_engine(queue.engine.url.render_as_string(hide_password=False))
    awaited = []

    def act(connection, cursor, statement, *_):
        if awaited and re.search(r"FROM coserver_(job|history)\b", statement):
            store.write(other, awaited.pop())

    sa.event.listen(queue.engine, "after_cursor_execute", act)
    yield awaited.append
    sa.event.remove(queue.engine, "after_cursor_execute", act)
    other.dispose()


@pytest.mark.parametrize(
    "look",
    [
        lambda c: len(manage.find(c)),
        lambda c: len(manage.find_ids(c, limit=9)),
        lambda c: sum(each.number for each in manage.count(c)),
        lambda c: sum(manage.count_newest(c, most=9).numbers.values()),
        lambda c: sum(sum(states.values()) for states in manage.counts(c).values()),
    ],
    ids=["find", "find_ids", "count", "count_newest", "counts"],
)
def test_a_job_that_ends_or_runs_again_meanwhile_is_seen_once(queue, meanwhile, look):
    """The live jobs and the history are seen as of one moment, whatever happens between two."""
    ending, again = queue.put(), queue.put()
    queue.cancel(again)
    for happens in (
        lambda c: manage.cancel(c, ending),
        lambda c: manage.retry(c, again),
    ):
        meanwhile(happens)
        assert store.read(queue.engine, look) == 2
