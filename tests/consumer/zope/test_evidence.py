"""What Zope's answers about dead requests mean: a real HTTP server in its place."""

from __future__ import annotations

import pytest

from coserver_consumer.errors import EvidenceUnavailable
from coserver_consumer.model.indoubt import Mark, Question
from coserver_consumer.settings.settings import Settings
from coserver_consumer.zope.evidence import ask_evidence
from coserver_consumer.zope.service import Services
from support.http_server import Answer, serve
from support.zope_services import ZopeServices

SECRET = "0123456789abcdef0123456789abcdef"
QUESTION = Question(mark=Mark.BATCH, value="b", evidence={"database": "main", "base_tid": 1})


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(status=503, body=b"The ZODB 'main' can't be asked."), "The ZODB 'main' can't be"),
        (Answer(status=404, body=b""), "it answers 404"),
        (Answer(body=b"<html>"), "can't be read"),
        (Answer(body=b'{"a": 1}'), "can't be read"),
        (Answer(body=b'[{"mark": "coserver"}]'), "can't be read"),
        (
            Answer(body=b'[{"mark": "coserver", "value": "b", "finding": "x", "tid": 1}]'),
            "can't be read",
        ),
    ],
)
def test_an_answer_that_tells_nothing_is_said_in_words(answer, words):
    """The question stays open, and nobody is shown a traceback."""
    with serve(ZopeServices(secret=SECRET, answer=lambda _: answer)) as zope:
        settings = Settings(database="sqlite:///x", secret=SECRET, zope_url=(zope.url,))
        with pytest.raises(EvidenceUnavailable, match=words):
            ask_evidence(Services(settings), [QUESTION])
