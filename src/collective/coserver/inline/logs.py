"""What Zope logs about the jobs that it runs eagerly."""

from __future__ import annotations

import logging

from coserver_consumer.model.job import State
from coserver_consumer.model.texts import cut
from coserver_consumer.worker.run import EndedRun

LONGEST_NAME = 100  # characters of a job's title

logger = logging.getLogger("collective.coserver")


def is_eager() -> None:
    """Jobs are run here, which Zope says at its start."""
    logger.warning(
        "Setting 'eager' is on: this Zope runs jobs itself, one at a time, after the commit that "
        "queued them. That is for a developer's instance and not for production: no job is begun "
        "at its time or tried again by itself. There, run consumers and leave the setting out."
    )


def is_served(queue: str, consumer: str) -> None:
    """A queue has a consumer, which is to run its jobs."""
    logger.warning(
        "Setting 'eager' is on, but consumer %s serves the queue '%s': its jobs are left to that "
        "one. Stop it, or leave the setting out.",
        consumer,
        queue,
    )


def is_foreign(task: str) -> None:
    """Jobs wait that Zope can't run."""
    logger.warning(
        "Setting 'eager' is on, but Zope runs no jobs of the task '%s': they stay in the queue "
        "until a consumer serves it, which runs without this setting.",
        task,
    )


def ran(ended: EndedRun) -> None:
    """An attempt has ended; one that failed is told with its traceback."""
    job, ending = ended.job, ended.ending
    has_failed = ending.error is not None and ending.state is not State.CANCELLED
    level = logging.ERROR if has_failed else logging.INFO
    traceback = f"\n{ending.traceback}" if has_failed and ending.traceback else ""
    logger.log(
        level,
        "Job %s '%s' ran eagerly: %s in %.1f s%s%s",
        job.id,
        cut(job.name, LONGEST_NAME),
        _describe(ended),
        ended.seconds,
        f": {ending.error}" if ending.error else "",
        traceback,
    )


def _describe(ended: EndedRun) -> str:
    """Return how the attempt ended, and what follows: nobody takes a scheduled job up."""
    ending = ended.ending
    if ending.state is not State.SCHEDULED:
        return str(ending.state)
    how = "failed" if ending.error else "put off"
    return f"{how}, stays in the queue until somebody runs it again,"
