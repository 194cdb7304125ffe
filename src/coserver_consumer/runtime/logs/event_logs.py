"""What is logged about events that Zope is to tell."""

from __future__ import annotations

from coserver_consumer.model.told_event import Event
from coserver_consumer.runtime.logs.log import log
from coserver_consumer.runtime.logs.log_texts import shorten


def given_up(event: Event, tries: int) -> None:
    """A subscriber has failed too often; the event isn't told any more."""
    log.error(
        "That job %s is %s couldn't be told in %s tries, and won't be: a subscriber fails. Zope's "
        "log says which",
        event.job_id,
        event.state,
        tries,
    )


def events_wait(why: str) -> None:
    """Zope is away; logged once, and in detail: others say that jobs wait."""
    log.debug("Events wait until Zope can tell them: %s", shorten(why))
