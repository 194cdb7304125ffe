"""Moments and lengths of time as people read them.

Times are microseconds since the epoch, lengths are microseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from plone import api
from zope.i18nmessageid import Message

from collective.coserver.i18n import _
from coserver_consumer.model.moments import READABLE, to_utc

SECOND = 1_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND
SHORT = 10 * SECOND  # below that, tenths of a second are told
BEYOND = (1, 9999)  # years in which some time zones are outside of the calendar


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A time to show: how long ago or ahead it is, and exactly; ``iso`` is empty beyond years."""

    text: Message
    exact: str
    clock: str
    iso: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Says when something was or will be, at this time of the database's, in this zone."""

    now: int
    zone: tzinfo

    def tell(self, at: int) -> Moment:
        """Return the moment; of one that no calendar has the number."""
        moment = to_utc(at)
        if moment is None or moment.year in BEYOND:
            return Moment(text=self._relate(at), exact=str(at), clock=str(at), iso="")
        local = moment.astimezone(self.zone)
        return Moment(
            text=self._relate(at),
            exact=local.strftime(READABLE),
            clock=local.strftime("%H:%M:%S"),
            iso=local.isoformat(timespec="seconds"),
        )

    def _relate(self, at: int) -> Message:
        length = round_length(abs(self.now - at))
        if at > self.now:
            return _("time_ahead", default="in ${length}", mapping={"length": length})
        return _("time_ago", default="${length} ago", mapping={"length": length})


def site_zone() -> tzinfo:
    """Return the site's time zone, UTC if it has none that is known."""
    name = api.portal.get_registry_record("plone.portal_timezone", default=None) or "UTC"
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def round_length(length: int) -> Message:
    """Return a length in one unit: 47 min."""
    for size, say in ((DAY, _days), (HOUR, _hours), (MINUTE, _minutes)):
        if length >= 2 * size or (size is not DAY and length >= size):
            return say(length // size)
    return _seconds_of(length // SECOND)


def exact_length(length: int) -> Message:
    """Return a length in at most two units: 4 min 6 s."""
    for size, say, below, say_below in (
        (DAY, _days, HOUR, _hours),
        (HOUR, _hours, MINUTE, _minutes),
        (MINUTE, _minutes, SECOND, _seconds_of),
    ):
        if length >= size:
            rest = length % size // below
            return _join(say(length // size), say_below(rest)) if rest else say(length // size)
    return _seconds(length)


def _seconds(length: int) -> Message:
    if 0 < length < SHORT and length % SECOND:
        return _seconds_of(f"{length / SECOND:.1f}")
    return _seconds_of(length // SECOND)


def _seconds_of(number: int | str) -> Message:
    return _("length_seconds", default="${number} s", mapping={"number": number})


def _minutes(number: int) -> Message:
    return _("length_minutes", default="${number} min", mapping={"number": number})


def _hours(number: int) -> Message:
    return _("length_hours", default="${number} h", mapping={"number": number})


def _days(number: int) -> Message:
    if number == 1:
        return _("length_day", default="1 day")
    return _("length_days", default="${number} days", mapping={"number": number})


def _join(first: Message, second: Message) -> Message:
    return _(
        "length_of_two", default="${first} ${second}", mapping=dict(first=first, second=second)
    )
