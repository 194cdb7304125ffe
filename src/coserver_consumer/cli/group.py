"""Click groups as this command wants them: commands imported late, errors in one line."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from coserver_consumer.complaint import Complaint, find_complaint


class Failure(click.ClickException):
    """One line on standard error, and the exit code."""

    def __init__(self, complaint: Complaint) -> None:
        super().__init__(complaint.line)
        self._code = complaint.code

    @property
    def exit_code(self) -> int:  # type: ignore[override]
        """What click ends the process with."""
        return self._code


class LazyGroup(click.Group):
    """A group that imports a command when it is called.

    ``commands_at`` has ``module:function`` for each name, in the order of the help.
    """

    def __init__(self, *args: Any, commands_at: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._commands_at = commands_at

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return list(self._commands_at)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of that name, None if there is none."""
        if cmd_name not in self._commands_at:
            return None
        module, _, name = self._commands_at[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error becomes a line on standard error and an exit code."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            if complaint := find_complaint(error):
                raise Failure(complaint) from error
            raise
