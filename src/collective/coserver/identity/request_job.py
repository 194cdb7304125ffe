"""The job that a request runs, kept where no form or header can put one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from coserver_consumer.model.job import Job
from coserver_consumer.model.outcome import Cancelled, Completed, Failed, Snoozed
from coserver_consumer.protocol.markers import IN_PROCESS

KEY = "coserver.admitted"


@dataclass(slots=True, eq=False)
class Admitted:
    """What stands in the WSGI environment about the job; it is hidden where that is shown.

    ``ending`` is how the job's own code has ended the attempt, ``returned`` is what its function
    has come to; both hold whatever becomes of the request and its response.
    """

    job: Job = field(repr=False)
    ending: Failed | Snoozed | Cancelled | None = field(default=None, repr=False)
    returned: Completed | None = field(default=None, repr=False)


def set_job(request: Any, job: Job) -> None:
    """Note that the request runs the job; from now on its environment shows nothing of the job."""
    request.environ.pop(IN_PROCESS, None)
    request.environ[KEY] = Admitted(job)


def get_job(request: Any) -> Job | None:
    """Return the job that the request runs, None for all other requests."""
    found = find_admitted(request)
    return None if found is None else found.job


def has_ending(request: Any) -> bool:
    """Return True if the code of the request's job has ended the attempt."""
    found = find_admitted(request)
    return found is not None and found.ending is not None


def find_admitted(request: Any) -> Admitted | None:
    """Return what is noted of the job that the request runs.

    It stands in the WSGI environment, where a client can only put text: ``request.get`` would look
    into the form as well. Copies of the environment have it too, so that a request which is cloned
    within the job, as by ``plone.subrequest``, is the job's.
    """
    found = request.environ.get(KEY) if request is not None else None
    return found if isinstance(found, Admitted) else None
