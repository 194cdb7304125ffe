"""The place of one worker process."""

from __future__ import annotations

from dataclasses import dataclass

from coserver_consumer.processes.child import Child
from coserver_consumer.processes.restart_policy import Role


@dataclass(slots=True)
class Slot:
    """The place of one worker process: who has it, and who is to have it.

    ``failures`` counts the processes that ended before they were settled, one after another;
    ``due`` is when the next one may be started, by the monotonic clock.
    """

    child: Child | None = None
    successor: Child | None = None
    failures: int = 0
    due: float = 0.0

    def role_of(self, child: Child) -> Role:
        """Return what a child is here for."""
        if child is self.successor:
            return Role.SUCCESSOR
        return Role.HOLDER if child is self.child else Role.RETIRED

    def drop(self, child: Child) -> bool:
        """Forget a child; return True if that was the last one here."""
        self.child = None if self.child is child else self.child
        self.successor = None if self.successor is child else self.successor
        return self.child is None and self.successor is None
