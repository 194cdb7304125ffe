"""Asking a Zope instance about transactions whose process died, over HTTP."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from urllib3.exceptions import HTTPError

from coserver_consumer.errors import EvidenceUnavailable
from coserver_consumer.settings import Settings
from coserver_consumer.transports.service import OK, ask_service, make_pool, name_instances
from coserver_consumer.verdict import Finding, Mark, Question, Verdict

SERVICE = "/@@coserver-evidence"
UNAVAILABLE = 503


class HttpEvidence:
    """Asks the Zope instance of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pool = make_pool()

    def ask(self, questions: Sequence[Question]) -> list[Verdict]:
        """Return the verdicts that Zope can give; raise ``EvidenceUnavailable``."""
        where = name_instances(self._settings)
        body = json.dumps([asdict(question) for question in questions]).encode()
        try:
            reply = ask_service(self._pool, self._settings, SERVICE, body)
        except HTTPError as error:
            raise EvidenceUnavailable(
                f"Zope at {where} doesn't answer ({type(error).__name__}); jobs "
                "of requests that died are decided when it does."
            ) from error
        if reply.status == UNAVAILABLE:
            raise EvidenceUnavailable(f"Zope at {where}: {reply.data.decode(errors='replace')}")
        if reply.status != OK:
            raise EvidenceUnavailable(
                f"Zope at {where} refuses to tell what became of dead requests "
                f"(status {reply.status}): is collective.coserver installed there, with the same "
                "secret?"
            )
        return _read_verdicts(reply.data, where)


def _read_verdicts(said: bytes, where: str) -> list[Verdict]:
    try:
        return [_to_verdict(verdict) for verdict in json.loads(said)]
    except (ValueError, TypeError, KeyError) as error:
        raise EvidenceUnavailable(
            f"What Zope at {where} says of dead requests can't be read ({error!r}): are both of "
            "the same version of collective.coserver?"
        ) from error


def _to_verdict(said: dict[str, str | int | None]) -> Verdict:
    tid = said["tid"]
    return Verdict(
        mark=Mark(str(said["mark"])),
        value=str(said["value"]),
        finding=Finding(str(said["finding"])),
        tid=None if tid is None else int(tid),
    )
