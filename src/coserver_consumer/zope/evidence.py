"""Asking a Zope instance about transactions whose process died, over HTTP."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from coserver_consumer.model.errors import EvidenceUnavailable, ZopeUnavailable
from coserver_consumer.model.indoubt import Decision, Fate, Mark, Question
from coserver_consumer.zope.service import Services

SERVICE = "/@@coserver-evidence"
TIMEOUT = 300.0  # seconds; a walk over a long night takes a while


class HttpEvidence:
    """Asks the Zope instances of the settings."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def ask(self, questions: Sequence[Question]) -> list[Decision]:
        """Return the decisions that Zope can give; raise ``EvidenceUnavailable``."""
        body = json.dumps([asdict(question) for question in questions]).encode()
        try:
            reply = self._services.ask_any(SERVICE, body, timeout=TIMEOUT)
        except ZopeUnavailable as error:
            raise EvidenceUnavailable(
                f"{error} What became of requests that died is found out when it answers."
            ) from error
        return _read_decisions(reply.body)


def _read_decisions(said: bytes) -> list[Decision]:
    try:
        return [_to_decision(each) for each in json.loads(said)]
    except (ValueError, TypeError, KeyError) as error:
        raise EvidenceUnavailable(
            f"What Zope says of dead requests can't be read ({error!r}): are both of the same "
            "version of collective.coserver?"
        ) from error


def _to_decision(said: dict[str, str | int | None]) -> Decision:
    tid = said["tid"]
    return Decision(
        mark=Mark(str(said["mark"])),
        value=str(said["value"]),
        fate=Fate(str(said["fate"])),
        tid=None if tid is None else int(tid),
    )
