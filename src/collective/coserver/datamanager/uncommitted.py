"""The jobs that the current transaction will queue, as they would be if it committed now."""

from __future__ import annotations

import time
from typing import Any

from collective.coserver.datamanager import pending
from coserver_consumer import store
from coserver_consumer.model.job import Job, State, read_id
from coserver_consumer.model.new_job import NewJob

UNKNOWN = {  # of a job that isn't committed
    "consumer": None,
    "started_at": None,
    "deadline_at": None,
    "cancel_at": None,
    "progress": None,
    "progress_text": None,
    "batch": None,
    "evidence": None,
    "tid": None,
}


def find_uncommitted(job_id: Any) -> Job | None:
    """Return the job with this id, as staged; None if the current transaction queues none."""
    known = read_id(job_id)
    return next((as_staged(job) for job in pending() if job.id == known), None)


def as_staged(job: NewJob) -> Job:
    """Return a job that isn't committed; its times are by this machine's clock."""
    said, now = job.options, round(time.time() * store.SECOND)
    return Job(
        **UNKNOWN,
        id=job.id,
        state=State.STAGED,
        queue=said.queue,
        priority=said.priority,
        run_at=said.find_due(now),
        expires_at=said.find_expiry(now),
        created_at=now,
        run=0,
        attempt=0,
        max_attempts=said.max_attempts,
        rescues=0,
        task=job.task,
        args=job.args,
        payload=job.payload,
        owner=job.owner,
        site=job.site,
        origin=job.origin,
        title=said.title,
        unique_key=said.unique,
        unique_for=said.unique_for,
        concurrency_key=said.limit or "",
        requires=said.requires,
        signature=job.signature,
        timeout=said.timeout,
        waits_for=len(set(said.after)),
        failed_parents=0,
        only_if_failed=job.only_if_failed,
        is_parent=False,
    )
