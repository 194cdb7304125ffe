"""Lists, counts and queues."""

import pytest

from coserver_consumer.errors import InvalidJob
from coserver_consumer.model.job import State
from coserver_consumer.model.new_job import NewJob


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


def test_queues_are_known_by_name(queue):
    """A second add of the same name is nothing; a bad name is refused."""
    queue.add_queue("mail")
    queue.add_queue("mail")
    assert queue.queues() == ["default", "mail"]
    for bad in ("", "a,b", " mail", "x" * 200):
        with pytest.raises(InvalidJob, match="can't name a queue"):
            queue.add_queue(bad)
