"""A slot of a consumer: the place of one worker process. Values only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto


class Role(Enum):
    """What a worker process is there for."""

    HOLDER = auto()  # it has a slot
    SUCCESSOR = auto()  # it is to have the slot of another, which works until then
    RETIRED = auto()  # another has its slot


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """Which worker process holds the slot, and which one is to succeed it.

    Processes are known by the serial numbers that the supervisor gives them. ``failures`` counts
    the processes in a row that ended before they had lived long enough to be called stable. No
    process is started for the slot before ``not_before``, by the monotonic clock.
    """

    holder: int | None = None
    successor: int | None = None
    failures: int = 0
    not_before: float = 0.0

    @property
    def is_empty(self) -> bool:
        """True if no process is left here."""
        return self.holder is None and self.successor is None

    def role_of(self, process: int) -> Role:
        """Return what a process is here for."""
        if process == self.successor:
            return Role.SUCCESSOR
        return Role.HOLDER if process == self.holder else Role.RETIRED

    def promote(self) -> Slot:
        """Return the slot as its successor holds it."""
        return replace(self, holder=self.successor, successor=None)

    def remove(self, process: int) -> Slot:
        """Return the slot without a process; if that held it, its successor does now."""
        match self.role_of(process):
            case Role.HOLDER:
                return self.promote()
            case Role.SUCCESSOR:
                return replace(self, successor=None)
            case Role.RETIRED:
                return self

    def back_off(self, *, failures: int, until: float) -> Slot:
        """Return the slot after so many failures; until then no process is started for it."""
        return replace(self, failures=failures, not_before=until)
