"""Why a job isn't running, in the language of whoever asks."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from zope.i18nmessageid import Message

from collective.coserver.controlpanel.states import LOOKS
from coserver_consumer.diagnosis.reasons import SENTENCES, Reason
from coserver_consumer.model.job import State

DOMAIN = "collective.coserver"
EMPTY: Mapping[str, str] = MappingProxyType({})


def translate_reason(reason: Reason, names: Mapping[str, str] = EMPTY) -> Message:
    """Return the sentence as a message, whose parts are messages too.

    ``names`` are what jobs are called whose ids the sentence has.
    """
    values = {name: _translate_value(value, names) for name, value in reason.values.items()}
    default = SENTENCES[reason.code]
    return Message(f"why_{reason.code}", domain=DOMAIN, default=default, mapping=values)


def _translate_value(value: object, names: Mapping[str, str]) -> object:
    match value:
        case Reason():
            return translate_reason(value, names)
        case State():
            return LOOKS[value].word
        case str() if value in names:
            return f"“{names[value]}”"
        case _:
            return value
