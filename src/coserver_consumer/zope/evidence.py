"""Asking Zope instances about transactions whose process died."""

from __future__ import annotations

from collections.abc import Sequence

from coserver_consumer.model.errors import EvidenceUnavailable, ZopeUnavailable
from coserver_consumer.model.indoubt import Decision, Question
from coserver_consumer.protocol.services import EVIDENCE
from coserver_consumer.zope.service import Services


def ask_evidence(services: Services, questions: Sequence[Question]) -> list[Decision]:
    """Return the decisions that Zope can give; raise ``EvidenceUnavailable``."""
    try:
        return services.ask_any(EVIDENCE, questions)
    except ZopeUnavailable as error:
        raise EvidenceUnavailable(
            f"{error} What became of requests that died is found out when it answers."
        ) from error
