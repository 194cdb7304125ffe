"""What a consumer logs about itself: how it starts, works and stops."""

from __future__ import annotations

from collections.abc import Iterable

from coserver_consumer.model.exception_text import format_traceback, words
from coserver_consumer.runtime.logs.log import log
from coserver_consumer.runtime.logs.log_texts import shorten


def starting(name: str, database: str) -> None:
    """``database`` is its address without a password."""
    log.info("Consumer %s starts on %s", name, database)


def hazard(text: str, advice: str) -> None:
    """Something about the settings works, but shouldn't stay as it is."""
    log.warning("%s%s. %s", text[0].upper(), text[1:], advice)


def task_left_out(name: str, why: str) -> None:
    """A task isn't offered; its jobs wait for another consumer."""
    log.warning("Task %s is off, its jobs wait: %s", name, why)


def ready(consumer_id: str, queues: Iterable[str], tasks: Iterable[str], threads: int) -> None:
    """The consumer looks for jobs."""
    log.info(
        "Consumer is ready as %s: queues %s; tasks %s; %s threads",
        consumer_id,
        ", ".join(queues),
        ", ".join(tasks) or "none",
        threads,
    )


def draining(why: str, running: int, grace: float) -> None:
    """The first signal to stop came, or the supervisor has gone."""
    log.info("%s: no new jobs; %s running, given %g s to end", why, running, grace)


def retiring(why: str, running: int) -> None:
    """The process ends when its jobs have ended."""
    log.info("No new jobs here: %s; %s running, which are waited for", why, running)


def stopping_now(signal_name: str) -> None:
    """The second signal came."""
    log.warning("%s again: stopping now", signal_name)


def stopped(given_back: int) -> None:
    """The consumer has written all it had to into the database."""
    log.info("Consumer stopped; %s jobs given back", given_back)


def stopped_without_database(number: int) -> None:
    """The database doesn't know all that it has to; another consumer's rescuer does the rest."""
    log.error("Consumer stopped without reaching the database; %s endings weren't written", number)


def declared_dead(consumer_id: str, running: int) -> None:
    """The heartbeat found that this consumer had been given up."""
    log.error(
        "Consumer %s was silent for too long and given up; its %s running jobs are lost to it",
        consumer_id,
        running,
    )


def registered_anew(consumer_id: str) -> None:
    """The consumer goes on under a new id."""
    log.info("Consumer goes on as %s", consumer_id)


def cannot_stand_back(error: OSError) -> None:
    """The kernel didn't let the session be lowered (setting ``nice``)."""
    log.warning("The setting nice may do little: the session can't stand back (%s)", error)


def cannot_reload() -> None:
    """Somebody asked a process that has no supervisor to read its settings anew."""
    log.warning("Settings are read anew only with `processes` of 1 or more; restart this consumer")


def threads(lines: Iterable[str]) -> None:
    """Somebody asked what the threads do."""
    for line in lines:
        log.info("%s", line)


def files_closed() -> None:
    """The process ends because a job has closed what it needs."""
    log.error("A job has closed files that aren't its own, perhaps all; this process ends with it")


def loop_failed(name: str, error: BaseException) -> None:
    """A loop met an error that isn't an outage; it goes on."""
    log.error("Loop %s: %s\n%s", name, shorten(words(error)), format_traceback(error))
