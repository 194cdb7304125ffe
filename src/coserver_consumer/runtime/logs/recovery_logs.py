"""What is logged about jobs whose consumer or request has died."""

from __future__ import annotations

from coserver_consumer.model.indoubt import Mark, Verdict
from coserver_consumer.model.job import RunKey
from coserver_consumer.runtime.logs.log import log
from coserver_consumer.runtime.logs.log_texts import shorten


def rescued(key: RunKey) -> None:
    """A job was taken from a dead consumer and given back to its queue."""
    log.warning("Job %s was rescued from a dead consumer (run %s)", *key)


def poisoned(key: RunKey) -> None:
    """A job was rescued once too often and has failed."""
    log.error("Job %s failed: its consumers died while they ran it (run %s)", *key)


def consumer_removed(consumer_id: str) -> None:
    """A dead consumer holds nothing any more and is forgotten."""
    log.warning("Consumer %s is dead and was removed", consumer_id)


def resolved(verdict: Verdict, number: int) -> None:
    """The ZODB told what became of a transaction whose process died."""
    log.warning(
        "%s %s was left open; the ZODB says: %s (%s jobs)", *_name(verdict), verdict.finding, number
    )


def resolution_refused(verdict: Verdict, error: Exception) -> None:
    """What the ZODB told can't be written; the others are."""
    why = shorten(str(getattr(error, "orig", error)))
    log.error("%s %s is %s, which can't be written: %s", *_name(verdict), verdict.finding, why)


def unresolved(why: str) -> None:
    """The ZODB couldn't be asked; said once."""
    log.error("%s", why)


def _name(verdict: Verdict) -> tuple[str, str]:
    return "Batch" if verdict.mark is Mark.BATCH else "Run", shorten(verdict.value)
