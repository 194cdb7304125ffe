"""Click groups whose commands are imported late and whose errors are one line each."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from coserver_consumer.cli import standard_output
from coserver_consumer.cli.texts import take_plain_texts
from coserver_consumer.processes.exit_codes import NOT_WRITTEN, ErrorExit, find_error_exit


class Failure(click.ClickException):
    """One line on standard error, and the exit code."""

    def __init__(self, error_exit: ErrorExit) -> None:
        super().__init__(error_exit.line)
        self._code = error_exit.code

    @property
    def exit_code(self) -> int:  # type: ignore[override]
        """What click ends the process with."""
        return self._code


def fail_unwritten(error: OSError, what: str) -> Failure:
    """Return the failure for output that can't be written though ``what`` is the case."""
    standard_output.forget()
    line = f"{what}, but standard output can't be written: {error.strerror}."
    return Failure(ErrorExit(line, NOT_WRITTEN))


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
        take_plain_texts(command)
        return command

    def main(self, *args: Any, **options: Any) -> Any:
        """Run the command; if standard output can't be written, that is one line, too."""
        with standard_output.watched():
            try:
                return super().main(*args, **options)
            except OSError as error:
                if not standard_output.is_lost():
                    raise
                failure = fail_unwritten(error, "What was to be done is done")
        failure.show()
        sys.exit(failure.exit_code)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error becomes a line on standard error and an exit code."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            if standard_output.is_lost():
                standard_output.end_unread()
            raise
        except Exception as error:
            if error_exit := find_error_exit(error):
                raise Failure(error_exit) from error
            raise
