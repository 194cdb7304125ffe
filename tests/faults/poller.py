"""A child that looks for jobs without a pause, and whether their objects are there."""

from __future__ import annotations

from typing import Any

from collective.coserver.database.engine import write
from collective.coserver.publication.freshness import catch_up
from coserver_consumer.model.job import Job, new_id
from coserver_consumer.store import claim
from faults.child import Life
from faults.producer import TASK
from faults.storages import OBJECTS, opened

LIMIT = 10


def poll(life: Life) -> None:
    """Claim jobs as fast as it goes, and look for the object of each."""
    consumer = new_id()

    def claim_jobs(connection: Any) -> list[Job]:
        return claim.claim(
            connection, consumer=consumer, queues=["default"], tasks=[TASK], limit=LIMIT
        )

    while life.goes_on:
        for job in write(claim_jobs):
            life.journal.say("seen" if has_object(life, job) else "missing", [job.id])


def has_object(life: Life, job: Job) -> bool:
    """Do as the add-on does before it runs a job: wait for the ZODB, then look."""
    catch_up(job)
    with opened(life.db) as connection:
        return job.id in connection.root()[OBJECTS]
