"""Times as people write them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import click

from coserver_consumer.model.options import MAX_DELAY_S
from coserver_consumer.model.value_types import DAY_S

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}  # seconds
SPAN = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")


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
            return self._to_span(value, float(span[1]) * UNITS[span[2]], param, ctx)
        moment = read_moment(value)
        if moment is None:
            self.fail(f"{value!r} is neither a span such as 90s, 2h, 1d nor a time.", param, ctx)
        return moment

    def _to_span(self, value: str, seconds: float, param: Any, ctx: Any) -> timedelta:
        if seconds > MAX_DELAY_S:
            self.fail(f"{value!r} is too long: at most {MAX_DELAY_S / DAY_S:.0f}d.", param, ctx)
        return timedelta(seconds=seconds)


def read_moment(text: str) -> datetime | None:
    """Return a moment with its zone, by default the local one; None if the text isn't one."""
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):  # the latter for one that is in no year here
        return None


MOMENT = Moment()
SINCE = Since()
