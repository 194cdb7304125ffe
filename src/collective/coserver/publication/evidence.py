"""The service by which consumers ask what became of transactions whose process died."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import Zope2
from Products.Five import BrowserView

from collective.coserver import evidence
from collective.coserver.publication.start import find_token
from collective.coserver.settings import get_settings
from coserver_consumer import signing
from coserver_consumer.errors import Unsigned
from coserver_consumer.verdict import Mark, Question

SCHEME = "coserver-seal"


class Evidence(BrowserView):
    """``POST /@@coserver-evidence`` with questions as JSON; the answer is verdicts as JSON.

    Anybody may call it, but only a message with a token from the shared secret is answered.
    """

    def __call__(self) -> str:
        """Answer what can be answered; 401 without a good token."""
        response = self.request.response
        response.setHeader("Content-Type", "application/json")
        try:
            questions = self._read()
        except Unsigned as error:
            response.setStatus(401)
            return json.dumps({"message": str(error)})
        databases = Zope2.DB.databases
        evidence.tend(databases)
        return json.dumps([asdict(found) for found in evidence.answer(questions, databases)])

    def _read(self) -> list[Question]:
        body: bytes = self.request.get("BODY", b"")
        token = find_token(self.request, SCHEME) or ""
        signing.check_seal(token, body, secret=get_settings().secret_text)
        return [_to_question(said) for said in json.loads(body)]


def _to_question(said: dict[str, Any]) -> Question:
    return Question(mark=Mark(said["mark"]), value=said["value"], evidence=said["evidence"])
