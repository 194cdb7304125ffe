"""Times as people write them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import click

from coserver_consumer.model.options import MAX_DELAY_S
from coserver_consumer.model.span import SPAN, UNITS
from coserver_consumer.model.value_types import DAY_S

SECONDS = re.compile(r"\d+(?:\.\d+)?")


class Moment(click.ParamType[datetime]):
    """A date and time in ISO 8601; local time if it names no zone."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:
        """Return the moment with its zone."""
        if isinstance(value, datetime):
            return value
        moment = read_moment(value)
        if moment is None:
            self.fail(f"{value!r} isn't a time such as 2030-01-31T08:00.", param, ctx)
        return moment


class Since(click.ParamType[datetime | timedelta]):
    """A span back from now, such as ``90s``, ``2h`` or ``1d``, or a ``Moment``."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime | timedelta:
        """Return the moment, or the span, which a caller who knows the time can subtract."""
        if isinstance(value, datetime | timedelta):
            return value
        if span := SPAN.fullmatch(value):
            return self._to_span(value, span, param, ctx)
        moment = read_moment(value)
        if moment is None:
            self.fail(f"{value!r} is neither a span such as 90s, 2h, 1d nor a time.", param, ctx)
        return moment

    def _to_span(self, value: str, found: re.Match[str], param: Any, ctx: Any) -> timedelta:
        span = to_span(found)
        if span is None:
            self.fail(f"{value!r} is too long: at most {MAX_DELAY_S / DAY_S:.0f}d.", param, ctx)
        return span


class Until(click.ParamType[datetime | timedelta]):
    """A span from now, such as ``12h`` or ``90d``, or a ``Moment``."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime | timedelta:
        """Return the moment, or the span for whoever knows the time."""
        if isinstance(value, datetime | timedelta):
            return value
        span = SPAN.fullmatch(value)
        found = read_moment(value) if span is None else to_span(span)
        if found is None:
            self.fail(
                f"{value!r} is neither a time nor a span such as 12h or 90d, of up to "
                f"{MAX_DELAY_S / DAY_S:.0f}d.",
                param,
                ctx,
            )
        return found


class ExpiryAsTyped(Until):
    """What an ``Until`` is, or a bare number of seconds, as the other options of a job have it."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the moment, the span, or the seconds."""
        if isinstance(value, str) and SECONDS.fullmatch(value):
            return float(value)
        return super().convert(value, param, ctx)


def to_span(found: re.Match[str]) -> timedelta | None:
    """Return the span that ``SPAN`` has found, None for one that is too long."""
    seconds = float(found[1]) * UNITS[found[2]]
    return None if seconds > MAX_DELAY_S else timedelta(seconds=seconds)


def read_moment(text: str) -> datetime | None:
    """Return a moment with its zone, by default the local one; None if the text isn't one."""
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):  # the latter for one that is in no year here
        return None


MOMENT = Moment()
SINCE = Since()
UNTIL = Until()
EXPIRY = ExpiryAsTyped()
