"""The job that a request runs, kept where no form or header can put one."""

from __future__ import annotations

from typing import Any

from coserver_consumer.job import Job

NAME = "_coserver_job"


def set_job(request: Any, job: Job) -> None:
    """Note that the request runs the job."""
    setattr(request, NAME, job)


def get_job(request: Any) -> Job | None:
    """Return the job that the request runs, None for everybody else's requests.

    An attribute of the request object: ``request.get`` and ``request[...]`` would look into the
    form as well.
    """
    job = vars(request).get(NAME) if request is not None else None
    return job if isinstance(job, Job) else None
