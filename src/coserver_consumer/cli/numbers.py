"""Numbers of jobs as people write them."""

from __future__ import annotations

import re
from typing import Any

import click

from coserver_consumer.model.job import MAX_COUNT


def count_jobs(number: int) -> str:
    """Return the number with its noun: ``1 job``, ``2 jobs``."""
    return f"{number} job" if number == 1 else f"{number} jobs"


class NumberOrAll(click.ParamType[int | str]):
    """A number from 0, or ``all``."""

    name = "number"
    ALL = "all"

    def convert(self, value: Any, param: Any, ctx: Any) -> int | str:
        """Return the number, or ``all``."""
        text = str(value)
        if text == self.ALL:
            return text
        number = read_number(text)
        if number is None:
            self.fail(
                f"{text!r} is neither a number from 0 to {MAX_COUNT} nor `{self.ALL}`.", param, ctx
            )
        return number


class Rate(click.ParamType[tuple[int | None, float]]):
    """A number of jobs in a period, such as ``10/60`` or ``5/1.5``, or ``all``."""

    name = "number/seconds"
    FORM = re.compile(r"(\d+)/(\d+(?:\.\d+)?)")

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int | None, float]:
        """Return number and seconds; no number for ``all``."""
        if not isinstance(value, str):
            return tuple(value)
        if value == NumberOrAll.ALL:
            return None, 60.0
        parts = self.FORM.fullmatch(value)
        number = read_number(parts[1]) if parts else None
        if parts is None or number is None:
            self.fail(
                f"{value!r} isn't a number of jobs, up to {MAX_COUNT}, and seconds, such as 10/60.",
                param,
                ctx,
            )
        return number, float(parts[2])


def read_number(text: str) -> int | None:
    """Return the number that the text is; None if it isn't one, or is too large for a column."""
    if not text.isdecimal() or len(text) > len(str(MAX_COUNT)):
        return None
    number = int(text)
    return number if number <= MAX_COUNT else None


NUMBER_OR_ALL = NumberOrAll()
RATE = Rate()
