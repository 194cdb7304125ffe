"""Lists, counts and what is pruned."""

import pytest
import sqlalchemy as sa

from coserver_consumer.errors import InvalidJob
from coserver_consumer.job import NewJob, State
from coserver_consumer.lifecycle import Ending
from coserver_consumer.store import schema


def test_lists_are_newest_first_and_have_pages(queue):
    """Live and ended jobs in one list."""
    ids = queue.add_many([NewJob(task="t") for _ in range(6)])
    queue.cancel(ids[4])
    page = queue.find(limit=4)
    assert [job.id for job in page] == ids[:1:-1]
    assert [job.id for job in queue.find(limit=4, before=page[-1].id)] == ids[1::-1]


@pytest.mark.parametrize(
    "wanted",
    [
        {"states": [State.CANCELLED]},
        {"queues": ["mail"]},
        {"tasks": ["special"]},
        {"owner": "jane"},
        {"site": "/Plone"},
        {"text": "50% OFF"},
        {"text": "spec"},
    ],
)
def test_each_filter_finds_its_job(queue, wanted):
    """One job has it all; the other one nothing."""
    queue.put(title="500 off")
    special = queue.put(
        queue="mail", task="special", owner="jane", site="/Plone", title="Now 50% off"
    )
    queue.cancel(special)
    assert [job.id for job in queue.find(**wanted)] == [special]


def test_a_job_is_found_by_a_part_of_its_id(queue):
    """As it is copied from a log."""
    job_id = queue.put()
    queue.put()
    assert [job.id for job in queue.find(text=job_id[-12:])] == [job_id]


def test_of_ended_jobs_the_newest_are_counted(queue):
    """So that years of history cost no more than these; live ones are all counted."""
    queue.add_queue("mail")
    ids = [queue.put(queue=name) for name in ("mail", "default", "default", "mail", "default")]
    for job_id in ids[:4]:
        queue.cancel(job_id)
    queue.put()
    assert queue.counts(newest=3) == {
        "default": {State.READY: 2, State.CANCELLED: 2},
        "mail": {State.CANCELLED: 1},
    }


def test_old_history_is_pruned_with_its_errors_and_lines(queue):
    """Young history and live jobs stay."""
    for _ in range(3):
        queue.put()
    old, young = queue.take(2)
    assert queue.add_line(old.key, "sails set")
    queue.finish([Ending(key=job.key, state=State.FAILED, error="x") for job in (old, young)])
    with queue.engine.begin() as connection:
        connection.execute(
            sa.update(schema.history).where(schema.history.c.id == old.id).values(ended_at=1)
        )
    assert queue.prune(older_than=3600) == 1
    assert queue.counts() == {"default": {State.READY: 1, State.FAILED: 1}}
    assert queue.attempts(old.id) == queue.lines(old.id) == []
    assert len(queue.attempts(young.id)) == 1


def test_old_history_is_found_wherever_its_ids_are(queue):
    """The lowest ids may be of jobs that ended late, the highest of another program's."""
    ids = [f"{digit * 8}-0000-4000-8000-000000000000" for digit in "0123ef"]
    old = ids[1:2] + ids[3:]
    now = queue.now()
    with queue.engine.begin() as connection:
        for job_id in ids:
            ended_at = now - 7200 * 1_000_000 if job_id in old else now
            row = {"id": job_id, "task": "t", "state": "completed", "ended_at": ended_at}
            connection.execute(sa.insert(schema.history).values(row))
    assert [queue.prune(older_than=3600, limit=3) for _ in range(3)] == [3, 1, 0]
    assert [job.id for job in queue.find()] == [ids[2], ids[0]]


def test_queues_are_known_by_name(queue):
    """A second add of the same name is nothing; a bad name is refused."""
    queue.add_queue("mail")
    queue.add_queue("mail")
    assert queue.queues() == ["default", "mail"]
    for bad in ("", "a,b", " mail", "x" * 200):
        with pytest.raises(InvalidJob, match="can't name a queue"):
            queue.add_queue(bad)
