"""What people do to one job by a button: cancel it, run it again, or sooner."""

from __future__ import annotations

import zExceptions
from zope.i18nmessageid import Message

from collective.coserver import queue
from collective.coserver.controlpanel.page import PanelPage, explain
from collective.coserver.i18n import _
from collective.coserver.identity.rerun import states_to_retry
from coserver_consumer.model.errors import JobNotFound, StoreError, WrongState
from coserver_consumer.model.job import Job, State


def act(page: PanelPage) -> None:
    """Do what the pressed button says, and have the next page say what came of it.

    Raises ``Forbidden`` for a job that the user may see but not change.
    """
    try:
        if job_id := page.asked("cancel"):
            page.say(_cancel(_find(page, job_id)))
        elif job_id := page.asked("retry"):
            page.say(_retry(_find(page, job_id), is_manager=page.manages))
    except (JobNotFound, WrongState, StoreError) as error:
        page.say(explain(error), kind="error")


def find_visible(page: PanelPage, job_id: str) -> Job:
    """Return the job; raise ``JobNotFound`` also for one that the user may not see."""
    job = queue.get(job_id)
    if not page.may_see(job):
        raise JobNotFound(f"No job has the id {job_id}.")
    return job


def _find(page: PanelPage, job_id: str) -> Job:
    job = find_visible(page, job_id)
    if not page.may_change(job):
        raise zExceptions.Forbidden("You may see this job, but not change it.")
    return job


def _cancel(job: Job) -> Message:
    if queue.cancel(job.id) is State.RUNNING:
        return _("message_asked_to_stop", default="The job was asked to stop.")
    return _("message_cancelled", default="The job was cancelled.")


def _retry(job: Job, *, is_manager: bool) -> Message:
    queue.retry(job.id, states=states_to_retry(job, is_manager=is_manager))
    if job.state is State.SCHEDULED:
        return _("message_runs_now", default="The job will be run now.")
    return _("message_retried", default="The job will be run again.")
