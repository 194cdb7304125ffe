"""What is logged about Zope, here and elsewhere, that can run jobs or not."""

from __future__ import annotations

from coserver_consumer.runtime.logs.log import log
from coserver_consumer.runtime.logs.log_texts import shorten


def instance_away(url: str, why: str) -> None:
    """A Zope instance gets no jobs for now; logged once, or once a minute if the reason changes."""
    log.error("Zope at %s gets no jobs until it can run them: %s", url, shorten(why))


def instance_back(url: str, seconds: float) -> None:
    """It can run jobs again."""
    log.info("Zope at %s can run jobs again after %.0f s", url, seconds)


def zodb_away(why: str) -> None:
    """The Zope of this process gets no jobs for now; logged once."""
    log.error("The Zope of this process gets no jobs for now: %s", why)


def zodb_back() -> None:
    """It can run jobs again."""
    log.info("The Zope of this process can run jobs again")
