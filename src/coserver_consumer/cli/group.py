"""Click groups as this command wants them: commands imported late, errors in one line."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from coserver_consumer.errors import ConfigurationError, CoserverError, JobNotFound

FAILED, WRONG_USE, NOT_FOUND = 1, 2, 3


class Failure(click.ClickException):
    """One line on standard error, and the exit code."""

    def __init__(self, said: str, code: int) -> None:
        super().__init__(" ".join(said.split()))
        self._code = code

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
        except CoserverError as error:
            raise Failure(str(error), find_exit_code(error)) from error
        except Exception as error:
            if said := find_database_error(error):
                raise Failure(said, FAILED) from error
            raise


def find_exit_code(error: CoserverError) -> int:
    """Return the exit code that an error asks for."""
    match error:
        case JobNotFound():
            return NOT_FOUND
        case ConfigurationError():
            return WRONG_USE
        case _:
            return FAILED


def find_database_error(error: Exception) -> str | None:
    """Return what the database said, without the statement; None if it wasn't the database."""
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError  # after an error there is time

    if isinstance(error, DBAPIError):
        return f"The database says: {error.orig}"
    return f"The database can't be used: {error}" if isinstance(error, SQLAlchemyError) else None
