"""What a consumer logs about jobs and their attempts."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from coserver_consumer.model.exception_text import words
from coserver_consumer.model.job import Job, RunKey, State
from coserver_consumer.model.lifecycle import Ending
from coserver_consumer.model.texts import cut
from coserver_consumer.runtime.logs.log import log
from coserver_consumer.runtime.logs.log_texts import shorten

MAX_TITLE_LENGTH = 100  # characters of a job's title


def claimed(jobs: Iterable[Job]) -> None:
    """The attempts of these jobs begin."""
    if log.is_on(logging.DEBUG):
        for job in jobs:
            log.debug("Job %s started (%s)", _name_job(job), _attempt(job))


def ended(job: Job, ending: Ending, seconds: float) -> None:
    """The database knows how an attempt ended."""
    failed = ending.error is not None and ending.state is not State.CANCELLED
    level = logging.WARNING if failed or ending.note else logging.INFO
    if ending.state is State.READY:  # nothing was tried
        level = logging.DEBUG
    if not log.is_on(level):
        return
    how, what_follows = _describe(ending)
    log.write(
        level,
        "Job %s %s in %.1f s (%s)%s%s",
        _name_job(job),
        how,
        seconds,
        _attempt(job),
        what_follows,
        f": {shorten(ending.error)}" if failed else "",
    )


def attempt_broke(key: RunKey, why: str, traceback: str | None) -> None:
    """An attempt was ended by an error of the consumer's own; it goes on with the next job."""
    log.error("Job %s (run %s): %s%s", *key, why, f"\n{traceback}" if traceback else "")


def thread_ended(name: str) -> None:
    """A thread that runs jobs has ended against all care; another one is started."""
    log.error("The thread %s has ended and is replaced", name)


def hangs(job: Job) -> None:
    """The process ends because of this job."""
    log.error("Job %s hangs or was cancelled; this process ends with it", _name_job(job))


def lease_lost(key: RunKey) -> None:
    """Somebody else has the job now, or the ending was written before the connection broke."""
    log.warning("Job %s isn't ours any more (run %s): this ending changes nothing", *key)


def ending_refused(key: RunKey, error: Exception) -> None:
    """The database refuses an ending as it is."""
    why = shorten(words(getattr(error, "orig", error)))
    log.error("Job %s: its ending can't be written (run %s): %s", *key, why)


def orphans_released(jobs: Iterable[Job]) -> None:
    """Claims whose answer never came: nobody runs these jobs."""
    for job in jobs:
        log.info("Job %s was claimed while the connection broke; given back", job.id)


def duplicates_removed(keys: Iterable[RunKey]) -> None:
    """Another program has copied jobs back that had ended, such as old ones of a Plone user."""
    for key in keys:
        log.error("Job %s has ended already; a row with its id was removed (run %s)", *key)


def unroutable_failed(queue: str, job_ids: Sequence[str]) -> None:
    """Jobs were failed that nobody would ever have run."""
    text = "%s jobs failed: no queue is called '%s'; the first is %s"
    log.warning(text, len(job_ids), shorten(queue), job_ids[0])


def expired(job_ids: Sequence[str]) -> None:
    """Jobs ended because no consumer had begun them by their moment."""
    log.info("%s jobs expired before they began; the first is %s", len(job_ids), job_ids[0])


def _name_job(job: Job) -> str:
    """Return the job's id and what people know it by: its title, or its task."""
    return f"{job.id} '{cut(job.name, MAX_TITLE_LENGTH)}'"


def _attempt(job: Job) -> str:
    """Say which attempt it is, and of how many if that is known here."""
    most = f" of {job.max_attempts}" if job.max_attempts else ""
    return f"attempt {job.attempt}{most}"


def _describe(ending: Ending) -> tuple[str, str]:
    """Return how the attempt ended, and what follows from it."""
    match ending:
        case Ending(state=State.SCHEDULED, note=str(note), delay=delay):
            return "wasn't tried", f", is looked at again in {delay:g} s: {shorten(note)}"
        case Ending(state=State.SCHEDULED, error=None, delay=delay):
            return "snoozed", f", goes on in {delay:g} s"
        case Ending(state=State.SCHEDULED, delay=delay):
            return "failed", f", is tried again in {delay:.0f} s"
        case Ending(state=State.READY):
            return "was given back", ""
        case _:
            return str(ending.state), ""
