"""The service by which consumers ask what became of transactions whose process died."""

from __future__ import annotations

from collections.abc import Sequence

import Zope2
from Products.Five import BrowserView

from collective.coserver.publication import agreement
from collective.coserver.services.sealed import serve
from coserver_consumer.model.errors import EvidenceUnavailable
from coserver_consumer.model.indoubt import Decision, Question
from coserver_consumer.protocol.services import EVIDENCE


class Evidence(BrowserView):
    """``POST /@@coserver-evidence``; see ``coserver_consumer.protocol.services``.

    Anybody may call it, but only a question with a token from the shared secret is answered.
    """

    def __call__(self) -> str:
        """Answer what can be answered; 401 without a good token."""
        try:
            return serve(self.request, EVIDENCE, _answer)
        except EvidenceUnavailable as error:
            self.request.response.setStatus(503)
            self.request.response.setHeader("Content-Type", "text/plain; charset=utf-8")
            return str(error)


def _answer(questions: Sequence[Question]) -> list[Decision]:
    return agreement.answer(questions, Zope2.DB.databases)
