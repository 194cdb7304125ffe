"""The service by which consumers ask what became of transactions whose process died."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import Zope2
from Products.Five import BrowserView

from collective.coserver.publication.agreement import answer
from collective.coserver.services.sealed import serve
from coserver_consumer.model.errors import EvidenceUnavailable
from coserver_consumer.model.indoubt import Mark, Question

SERVICE = "/@@coserver-evidence"


class Evidence(BrowserView):
    """``POST /@@coserver-evidence`` with questions as JSON; the answer is decisions as JSON.

    Anybody may call it, but only a message with a token from the shared secret is answered.
    """

    def __call__(self) -> str:
        """Answer what can be answered; 401 without a good token."""
        try:
            return serve(self.request, SERVICE, _answer)
        except EvidenceUnavailable as error:
            self.request.response.setStatus(503)
            self.request.response.setHeader("Content-Type", "text/plain; charset=utf-8")
            return str(error)


def _answer(body: bytes) -> list[dict[str, Any]]:
    questions = list(filter(None, map(_to_question, json.loads(body))))
    return [asdict(found) for found in answer(questions, Zope2.DB.databases)]


def _to_question(said: Any) -> Question | None:
    """Return a question, None for what isn't one: it stays open."""
    match said:
        case {"mark": Mark.BATCH | Mark.RUN as mark, "value": str(value), "evidence": dict(found)}:
            return Question(mark=Mark(mark), value=value, evidence=found)
        case _:
            return None
