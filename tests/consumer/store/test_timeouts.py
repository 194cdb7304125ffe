"""Processes that stand still in a transaction: they were frozen, or their machine was."""

import pytest
import sqlalchemy as sa

from coserver_consumer import store
from coserver_consumer.store import claim
from support.databases import only_on
from support.waiting import wait_for

pytestmark = only_on("postgresql", "mysql")  # a lock on SQLite's file stays


def test_a_job_does_not_stay_locked(queue, hasty):
    """After a while others claim it, and the late one gets nothing."""
    queue.put()
    with hasty.connect() as frozen:
        claimed = {"consumer": queue.start(), "queues": ["default"], "tasks": ["t"], "limit": 1}
        [job] = claim.claim(frozen, **claimed)
        assert queue.take() == []
        [again] = wait_for(queue.take, what="the job to be free")
        with pytest.raises(sa.exc.DBAPIError) as late:
            frozen.commit()
    assert store.is_outage(late.value)  # so a consumer goes on with another connection
    assert (again.id, again.attempt, queue.get(job.id).consumer) == (job.id, 1, again.consumer)
