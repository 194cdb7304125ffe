"""Jobs that are caught in the middle of their work."""

from __future__ import annotations

from coserver_consumer.model.job import Job, State
from demo.processes import Process
from support.freezing import freeze
from support.jobs import Jobs
from support.waiting import wait_for

LATEST = 0.8  # of the work


def freeze_in_the_middle(process: Process, jobs: Jobs, job_id: str) -> Job:
    """Stop the process that runs the job when it has begun to tell its progress.

    Returns the job, which is in the middle of its work and stays there.
    """
    wait_for(lambda: jobs.get(job_id).progress, what="some progress", within=60)
    freeze(process, jobs.engine.url.render_as_string(hide_password=False))
    job = jobs.get(job_id)
    assert job.state is State.RUNNING
    assert job.progress is not None
    assert job.progress < LATEST
    return job
