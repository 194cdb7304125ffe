"""What is logged about a database that is away or back."""

from __future__ import annotations

from coserver_consumer.runtime.logs.log import log
from coserver_consumer.runtime.logs.log_texts import shorten


def away(why: str) -> None:
    """The first statement failed because nobody answered."""
    log.error("The database is away: %s", shorten(why))


def awaited(why: str, seconds: float) -> None:
    """It is away as the consumer starts, and is waited for."""
    log.warning("Waiting up to %g s for the database: %s", seconds, shorten(why))


def back(seconds: float) -> None:
    """The first statement succeeded after that."""
    log.info("The database is back after %.1f s", seconds)
