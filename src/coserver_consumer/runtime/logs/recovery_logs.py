"""What is logged about jobs whose consumer or request has died."""

from __future__ import annotations

from collections.abc import Iterable

from coserver_consumer.model.exception_text import format_traceback, words
from coserver_consumer.model.indoubt import Decision, Mark
from coserver_consumer.model.job import RunKey
from coserver_consumer.runtime.logs.log import log
from coserver_consumer.runtime.logs.log_texts import shorten


def rescued(key: RunKey) -> None:
    """A job was taken from a dead consumer and given back to its queue."""
    log.warning("Job %s was rescued from a dead consumer (run %s)", *key)


def poisoned(key: RunKey) -> None:
    """A job was rescued once too often and has failed."""
    log.error("Job %s failed: its consumers died while they ran it (run %s)", *key)


def rescue_failed(consumer_ids: Iterable[str], error: Exception) -> None:
    """Jobs of dead consumers couldn't be taken back at once."""
    log.error(
        "Jobs of the dead consumers %s wait until their leases have run out: %s\n%s",
        ", ".join(consumer_ids),
        shorten(words(error)),
        format_traceback(error),
    )


def consumer_removed(consumer_id: str) -> None:
    """A dead consumer has no jobs left, and its entry is removed."""
    log.warning("Consumer %s is dead and was removed", consumer_id)


def recovered(decision: Decision, number: int) -> None:
    """The ZODB knows what became of a transaction that was in doubt."""
    log.warning(
        "%s %s was in doubt; the ZODB says: %s (%s jobs)", *_name(decision), decision.fate, number
    )


def decision_refused(decision: Decision, error: Exception) -> None:
    """A decision of the ZODB can't be written; the others are."""
    why = shorten(str(getattr(error, "orig", error)))
    log.error("%s %s is %s, which can't be written: %s", *_name(decision), decision.fate, why)


def recovery_waits(why: str) -> None:
    """The ZODB couldn't be asked; logged once."""
    log.error("%s", why)


def _name(decision: Decision) -> tuple[str, str]:
    return "Batch" if decision.mark is Mark.BATCH else "Run", shorten(decision.value)
