"""The tabs of the list of jobs, each with how many there are as far as they are counted."""

from __future__ import annotations

from dataclasses import dataclass

from zope.i18nmessageid import Message

from collective.coserver.controlpanel.numbers import write_number
from collective.coserver.controlpanel.states import ALL, KINDS, OPEN, Kind
from collective.coserver.i18n import _
from coserver_consumer.store.manage import Tally

TABS: dict[str, Message] = {
    OPEN: _("tab_open", default="Open"),
    "waiting": _("look_waiting", default="Waiting"),
    "planned": _("look_planned", default="Planned"),
    "again": _("look_again", default="Tries again"),
    "running": _("look_running", default="Running"),
    "failed": _("look_failed", default="Failed"),
    "done": _("look_done", default="Done"),
    "cancelled": _("look_cancelled", default="Cancelled"),
    ALL: _("tab_all", default="All"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    """One tab; ``number`` is empty if it couldn't be counted: that isn't none."""

    title: Message
    link: str
    is_current: bool
    number: str


def write_count(tally: Tally | None, word: str, language: str) -> str:
    """Return how many jobs a word of ``KINDS`` means, with a + if there may be more."""
    if tally is None:
        return ""
    kind = KINDS[word]
    number = sum(
        each for (state, tried), each in tally.numbers.items() if kind.has(state, is_tried=tried)
    )
    return write_number(number, language, is_whole=_is_whole(tally, kind))


def _is_whole(tally: Tally, kind: Kind) -> bool:
    return all(tally.is_whole[state.is_live] for state in kind.states)
