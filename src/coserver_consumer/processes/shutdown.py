"""How a worker process ends. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from coserver_consumer.processes.control import Command, CommandKind
from coserver_consumer.processes.exit_codes import START_AGAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Shutdown:
    """How long running jobs are waited for, and what the process ends with.

    ``wait`` is in seconds, None for as long as they take. The exit code is for the case that the
    database knows all endings.
    """

    wait: float | None
    exit_code: int = 0

    def find_deadline(self, now: float, before: float | None = None) -> float | None:
        """Return until when it waits, None for ever; ``before``: what an earlier one has allowed.

        A later command may shorten the wait and never lengthens it.
        """
        if self.wait is None:
            return before
        deadline = now + self.wait
        return deadline if before is None else min(deadline, before)


def plan_shutdown(command: Command, *, grace: float) -> Shutdown | None:
    """Return how a process ends that is given this command; None if it goes on."""
    match command.kind:
        case CommandKind.DRAIN:
            return Shutdown(wait=grace)
        case CommandKind.RETIRE:
            return Shutdown(wait=None, exit_code=START_AGAIN)
        case CommandKind.STOP:
            return Shutdown(wait=0)
        case CommandKind.ABANDON:
            return Shutdown(wait=0, exit_code=START_AGAIN)
        case CommandKind.DUMP | CommandKind.RELOAD | CommandKind.RESCUE:
            return None
        case _:
            assert_never(command.kind)
