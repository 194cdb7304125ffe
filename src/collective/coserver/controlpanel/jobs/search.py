"""The words of the search: ``state:failed queue:mail "Feed 7"``, and the filter that they mean.

Whoever writes an unknown word is told so: an empty list would look like an answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from zope.i18nmessageid import Message

from collective.coserver.controlpanel.states import KINDS, OPEN, join_kinds
from collective.coserver.i18n import _
from coserver_consumer.model.span import read_span

MAX_CHARS = 500  # of a search
MICROSECOND = 1_000_000  # of a second
MIN_DIGITS, MAX_DIGITS = 4, 32  # of an id
MAX_AGE_S = 3_000_000_000  # of what is looked for; older than any job
PART = re.compile(r'(?:(?P<word>[A-Za-z]+):)?(?P<value>"[^"]*"|[^\s"]*)')
NEEDS_QUOTES = re.compile(r"[\s:]")


class WrongTerm(ValueError):
    """A word of the search can't be understood; ``message`` says why."""

    def __init__(self, message: Message) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class Term:
    """One word of the search: ``queue`` and ``mail``; of the titles' words ``word`` is empty."""

    word: str
    value: str

    def __str__(self) -> str:
        """Return it as it is written."""
        value = f'"{self.value}"' if self._needs_quotes() else self.value
        return f"{self.word}:{value}" if self.word else value

    @property
    def values(self) -> list[str]:
        """What stands between its commas."""
        return [value for each in self.value.split(",") if (value := each.strip())]

    def _needs_quotes(self) -> bool:
        blank = re.search(r"\s", self.value)
        return bool(blank or (not self.word and NEEDS_QUOTES.search(self.value)))


@dataclass(frozen=True, slots=True)
class Search:
    """The terms of a search, as they were written."""

    terms: tuple[Term, ...] = ()

    def __str__(self) -> str:
        """Return the text that means the same."""
        return " ".join(map(str, self.terms))

    @property
    def state(self) -> str:
        """What is said of states; by default those jobs are meant that somebody has to care for."""
        return next((term.value for term in self.terms if term.word == "state"), OPEN)

    def without(self, term: Term) -> Search:
        """Return the search without that term."""
        return Search(tuple(each for each in self.terms if each != term))

    def replace(self, word: str, value: str) -> Search:
        """Return the search in which that word says this, and nothing else."""
        kept = tuple(term for term in self.terms if term.word != word)
        return Search((*kept, Term(word, value)) if value else kept)

    def make_filter(self, now: int) -> dict[str, Any]:
        """Return what ``manage.find`` is asked; ``now`` in microseconds. Raises ``WrongTerm``."""
        wanted = _find_states([self.state])
        for word in dict.fromkeys(term.word for term in self.terms):
            terms = [term for term in self.terms if term.word == word]
            if word not in WORDS:
                raise WrongTerm(_unknown(word))
            if any(not term.values for term in terms):
                raise WrongTerm(_empty(word))
            wanted |= WORDS[word](terms, now)
        return wanted


def read_search(text: str) -> Search:
    """Return the terms of a text."""
    found = PART.finditer(text[:MAX_CHARS])
    terms = (Term((part["word"] or "").lower(), part["value"].strip('"')) for part in found)
    return Search(tuple(dict.fromkeys(term for term in terms if term.word or term.value)))


def _find_states(values: Iterable[str]) -> dict[str, Any]:
    words = [word.lower() for value in values for word in Term("state", value).values]
    unknown = [word for word in words if word not in KINDS]
    if unknown:
        known = ", ".join(KINDS)
        raise WrongTerm(
            _(
                "search_unknown_state",
                default="There is no state ${state}. These are known: ${known}.",
                mapping={"state": unknown[0], "known": known},
            )
        )
    kind = join_kinds(words)
    return {"states": kind.states, "is_tried": kind.is_tried}


def _state(terms: list[Term], _now: int) -> dict[str, Any]:
    return _find_states(term.value for term in terms)


def _names(field: str) -> Callable[[list[Term], int], dict[str, Any]]:
    def find(terms: list[Term], _now: int) -> dict[str, Any]:
        return {field: [value for term in terms for value in term.values]}

    return find


def _one(word: str, field: str) -> Callable[[list[Term], int], dict[str, Any]]:
    def find(terms: list[Term], _now: int) -> dict[str, Any]:
        if len(terms) > 1:
            raise WrongTerm(
                _(
                    "search_twice",
                    default="${word}: can be given once only.",
                    mapping={"word": word},
                )
            )
        return {field: terms[0].value}

    return find


def _id(terms: list[Term], now: int) -> dict[str, Any]:
    [said] = _one("id", "id_part")(terms, now).values()
    digits = said.replace("-", "").lower()
    if not re.fullmatch(rf"[0-9a-f]{{{MIN_DIGITS},{MAX_DIGITS}}}", digits):
        raise WrongTerm(
            _(
                "search_wrong_id",
                default="${said} is no part of an id: give at least four of its digits, from its "
                "beginning or its end.",
                mapping={"said": said},
            )
        )
    return {"id_part": digits}


def _ago(word: str, field: str) -> Callable[[list[Term], int], dict[str, Any]]:
    def find(terms: list[Term], now: int) -> dict[str, Any]:
        [said] = _one(word, field)(terms, now).values()
        seconds = read_span(said)
        if seconds is None or seconds > MAX_AGE_S:
            raise WrongTerm(
                _(
                    "search_wrong_span",
                    default="${said} is no length of time; write 90s, 30m, 2h, 1d or 1w.",
                    mapping={"said": said},
                )
            )
        return {field: now - round(seconds * MICROSECOND)}

    return find


def _unknown(word: str) -> Message:
    near = get_close_matches(word, [known for known in WORDS if known], n=1)
    if near:
        return _(
            "search_unknown_word_near",
            default="There is no word ${word}:. Did you mean ${near}:?",
            mapping={"word": word, "near": near[0]},
        )
    return _(
        "search_unknown_word",
        default="There is no word ${word}:. These are known: ${known}. A title with a colon is "
        "looked for in quotes.",
        mapping={"word": word, "known": ", ".join(f"{known}:" for known in WORDS if known)},
    )


def _empty(word: str) -> Message:
    return _(
        "search_empty_word",
        default="Nothing stands after ${word}:.",
        mapping={"word": word},
    )


# Each word, and what it means for the terms that have it. What has no index isn't offered.
WORDS: dict[str, Callable[[list[Term], int], dict[str, Any]]] = {
    "": lambda terms, _: {"titles": [term.value for term in terms]},
    "state": _state,
    "queue": _names("queues"),
    "task": _names("tasks"),
    "owner": _one("owner", "owner"),
    "error": _one("error", "error"),
    "id": _id,
    "older": _ago("older", "until"),
    "ended": _ago("ended", "ended_since"),
}
