"""One question to a Zope instance, whether it can run jobs, and what its answer means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from coserver_consumer.model.errors import ZopeUnavailable
from coserver_consumer.protocol.handshake import Greeting
from coserver_consumer.zope.service import ZopeBusy, ZopeSilent

Greet = Callable[[str], Greeting]  # raises ``ZopeUnavailable``; see ``Services.greet``


@dataclass(frozen=True, slots=True)
class Able:
    """It can run jobs."""

    greeting: Greeting


@dataclass(frozen=True, slots=True)
class Busy:
    """It gives no answer in time."""

    why: str


@dataclass(frozen=True, slots=True)
class Silent:
    """It gives no answer at all; perhaps it doesn't run."""

    why: str


@dataclass(frozen=True, slots=True)
class Unable:
    """It answers, and can't run jobs."""

    why: str


ProbeResult = Able | Busy | Silent | Unable


def probe(greet: Greet, url: str) -> ProbeResult:
    """Return what an instance says, or that it says nothing."""
    try:
        return Able(greet(url))
    except ZopeBusy as error:
        return Busy(str(error))
    except ZopeSilent as error:
        return Silent(str(error))
    except ZopeUnavailable as error:
        return Unable(str(error))
