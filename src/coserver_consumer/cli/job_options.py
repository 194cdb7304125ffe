"""The options of a job as options of a command: each that ``JobOptions`` declares is one.

But for those that are jobs themselves, which nobody can type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import Field, fields
from typing import Any

import click

from coserver_consumer.cli.completion import complete_job, complete_queue
from coserver_consumer.cli.times import EXPIRY, MOMENT
from coserver_consumer.model.options import JobOptions
from coserver_consumer.model.value_types import (
    Expiry,
    Flag,
    FollowUp,
    JobIds,
    Moment,
    Names,
    Seconds,
    WholeNumber,
)

COMPLETIONS = {"queue": complete_queue, "after": complete_job}


class NumberAsTyped(click.ParamType[Any]):
    """A number; other text stays as it is, for ``JobOptions`` to refuse it as at every door."""

    name = "number"

    def __init__(self, kind: type[int | float]) -> None:
        self._kind = kind

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the number, or the text."""
        try:
            return self._kind(value)
        except ValueError:
            return value


CLICK_TYPES: dict[type, click.ParamType[Any]] = {
    WholeNumber: NumberAsTyped(int),
    Seconds: NumberAsTyped(float),
    Moment: MOMENT,
    Expiry: EXPIRY,
}


def job_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option for each option of a job; ``find_given`` returns those that were given."""
    for each in reversed(fields(JobOptions)):
        if not isinstance(each.metadata["type"], FollowUp):
            command = _make_option(each)(command)
    return command


def find_given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were given; of one that may be given several times, all values."""
    return {name: value for name, value in options.items() if value not in (None, ())}


def _make_option(option: Field[Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    kind = option.metadata["type"]
    return click.option(
        f"--{option.name.replace('_', '-')}",
        type=CLICK_TYPES.get(type(kind)),
        default=None,
        is_flag=isinstance(kind, Flag),
        multiple=isinstance(kind, Names | JobIds),
        metavar=kind.metavar or None,
        shell_complete=COMPLETIONS.get(option.name),
        help=option.metadata["meaning"] + _show_default(option.default),
    )


def _show_default(default: Any) -> str:
    return "" if default is None or default is False or default == () else f"  [{default}]"
