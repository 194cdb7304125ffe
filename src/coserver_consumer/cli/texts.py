"""Texts as people type them, of which only those are taken that every database can hold."""

from __future__ import annotations

from typing import Any

import click
from click.types import StringParamType

from coserver_consumer.model.texts import is_storable

UNCHECKED = {"database", "pairs", "args_json"}  # a path in an address, and what becomes JSON


class Text(StringParamType):
    """Text in the terminal's encoding; bytes that aren't come as halves of surrogate pairs."""

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """Return the text."""
        text = str(value)
        if not is_storable(text):
            self.fail(f"{text!a} isn't text in UTF-8.", param, ctx)
        return text


class FilledText(Text):
    """Text that isn't empty, as a shell's variable that isn't set would be."""

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """Return the text."""
        text = super().convert(value, param, ctx)
        if not text:
            self.fail("It is empty: give a value, or leave the option out.", param, ctx)
        return text


FILLED_TEXT = FilledText()


def take_plain_texts(command: click.Command) -> None:
    """Have all options of a command, and of those below it, refuse other texts in one way."""
    for parameter in command.params:
        if type(parameter.type) is StringParamType and parameter.name not in UNCHECKED:
            parameter.type = Text()
    if isinstance(command, click.Group):
        for each in command.commands.values():
            take_plain_texts(each)
