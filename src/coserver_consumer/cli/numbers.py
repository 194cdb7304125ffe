"""Numbers of jobs as people write them."""

from __future__ import annotations

import re
from typing import Any

import click


class NumberOrAll(click.ParamType[int | str]):
    """A number from 0, or ``all``."""

    name = "number"
    ALL = "all"

    def convert(self, value: Any, param: Any, ctx: Any) -> int | str:
        """Return the number, or ``all``."""
        text = str(value)
        if text == self.ALL:
            return text
        if not text.isdecimal():
            self.fail(f"{text!r} is neither a number from 0 nor `{self.ALL}`.", param, ctx)
        return int(text)


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
        if parts is None:
            self.fail(f"{value!r} isn't a number of jobs and seconds, such as 10/60.", param, ctx)
        return int(parts[1]), float(parts[2])


NUMBER_OR_ALL = NumberOrAll()
RATE = Rate()
