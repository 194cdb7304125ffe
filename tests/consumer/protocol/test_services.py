"""The messages of the services that holders of the secret may ask."""

from __future__ import annotations

import json

import pytest

from coserver_consumer.model.indoubt import Decision, Fate, Mark, Question
from coserver_consumer.model.job import RunKey
from coserver_consumer.protocol.run_state import RunQuestion, RunReport, RunState
from coserver_consumer.protocol.services import EVIDENCE, FUNCTIONS, RUN_STATES

BATCH = {"mark": "coserver", "value": "b", "evidence": {"database": "main", "base_tid": 5}}
MESSAGES = [
    (
        RUN_STATES,
        RunQuestion(keys=(RunKey("a", 1), RunKey("b", 7)), stop=True),
        RunReport(process="p:1", states=tuple(RunState)),
    ),
    (
        EVIDENCE,
        [Question(**BATCH | {"mark": mark}) for mark in Mark],
        [Decision(mark=Mark.RUN, value="a:1", fate=fate, tid=3) for fate in Fate]
        + [Decision(mark=Mark.BATCH, value="b", fate=Fate.PACKED)],
    ),
    (FUNCTIONS, None, ["shop.encode", "shop.ship"]),
]


@pytest.mark.parametrize(("service", "question", "answer"), MESSAGES)
def test_a_message_is_read_as_it_was_written(service, question, answer):
    """By the other side, which gets it as JSON."""
    asked = json.loads(json.dumps(service.dump_question(question)))
    answered = json.loads(json.dumps(service.dump_answer(answer)))
    assert service.load_question(asked) == question
    assert service.load_answer(answered) == answer


@pytest.mark.parametrize(
    "odd",
    [
        None,
        3,
        {},
        BATCH | {"mark": "another"},
        BATCH | {"value": 3},
        BATCH | {"evidence": None},
        {"mark": "coserver"},
    ],
)
def test_what_is_no_question_about_a_transaction_stays_open(odd):
    """Any program may have written its row; the others are answered."""
    assert EVIDENCE.load_question([odd, BATCH, odd]) == [Question(**BATCH | {"mark": Mark.BATCH})]


@pytest.mark.parametrize(
    ("service", "message"),
    [
        (RUN_STATES, {}),
        (RUN_STATES, {"process": "p", "states": ["asleep"]}),
        (RUN_STATES, []),
        (EVIDENCE, {"a": 1}),
        (EVIDENCE, [{"mark": "coserver"}]),
        (EVIDENCE, [{"mark": "coserver", "value": "b", "fate": "odd", "tid": 1}]),
        (FUNCTIONS, 3),
    ],
)
def test_an_answer_that_is_none_raises_what_is_promised(service, message):
    """So whoever asked can say what is wrong."""
    with pytest.raises((ValueError, KeyError, TypeError)):
        service.load_answer(message)
