"""Who may have a job run again: those who could have queued it."""

from __future__ import annotations

from AccessControl import getSecurityManager

from collective.coserver.identity.owner import current_owner, owner_of_job
from collective.coserver.identity.sent_request import find_sent_request
from collective.coserver.identity.site import find_site, site_path
from collective.coserver.permissions import MANAGE_JOBS
from coserver_consumer.model.errors import NotAllowed
from coserver_consumer.model.job import Job, State
from coserver_consumer.model.lifecycle import RETRIABLE

OFFERED = RETRIABLE - {State.COMPLETED}  # of which a person is offered a retry


def require_rerun(job: Job) -> None:
    """Raise ``NotAllowed`` for a request that runs as neither the job's owner nor a manager.

    The job would run as its owner, which nobody else could have queued it as. A script may do all.
    """
    if find_sent_request() is None or owner_of_job(job) == current_owner() or _manages(job):
        return
    raise NotAllowed(
        f"Job {job.id} can't be run again by this request: only its owner and those who have the "
        f"permission '{MANAGE_JOBS}' in its site may do that."
    )


def states_to_retry(job: Job, *, is_manager: bool) -> frozenset[State]:
    """Return the states in which a person may have the job run again.

    A view checks its permission whenever it runs. A function doesn't: the code that queued it has
    done so. So only those who may manage jobs can have an ended function run once more.
    """
    is_checked = job.task != "call"
    return OFFERED if is_manager or is_checked else frozenset({State.SCHEDULED})


def _manages(job: Job) -> bool:
    site = find_site()
    if site is None or site_path(site) != job.site:
        return False
    return bool(getSecurityManager().checkPermission(MANAGE_JOBS, site))
