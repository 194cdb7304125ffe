"""The service by which consumers ask what became of transactions whose process died."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import Zope2
from Products.Five import BrowserView

from collective.coserver import evidence
from collective.coserver.publication.service import serve
from coserver_consumer.verdict import Mark, Question


class Evidence(BrowserView):
    """``POST /@@coserver-evidence`` with questions as JSON; the answer is verdicts as JSON.

    Anybody may call it, but only a message with a token from the shared secret is answered.
    """

    def __call__(self) -> str:
        """Answer what can be answered; 401 without a good token."""
        return serve(self.request, _answer)


def _answer(body: bytes) -> list[dict[str, Any]]:
    questions = [_to_question(said) for said in json.loads(body)]
    databases = Zope2.DB.databases
    if not questions:  # to answer one tends as well
        evidence.tend(databases)
    return [asdict(found) for found in evidence.answer(questions, databases)]


def _to_question(said: dict[str, Any]) -> Question:
    return Question(mark=Mark(said["mark"]), value=said["value"], evidence=said["evidence"])
