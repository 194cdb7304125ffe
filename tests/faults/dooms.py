"""How a child process is to die."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from random import Random
from types import FrameType
from typing import Any

from transaction import Transaction

from faults.steps import at, die, freeze

LINES = 2500  # of Python, about what a commit runs through


@dataclass(frozen=True, slots=True, kw_only=True)
class Doom:
    """So many seconds after its start by its parent; None: not at all, or by itself."""

    seconds: float | None = None

    def arm(self) -> None:
        """Prepare this process for its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AtStep(Doom):
    """When it passes a named step for the so manieth time."""

    step: str
    nth: int = 1

    def arm(self) -> None:
        """Watch the step."""
        at(self.step, self.nth, die)


@dataclass(frozen=True, slots=True, kw_only=True)
class AtLine(Doom):
    """When it has run so many lines of Python of its commits, counted from the ``nth`` one."""

    nth: int
    lines: int

    def arm(self) -> None:
        """Watch the commits."""
        _die_in_commit(self.nth, self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen(Doom):
    """Not at all: it stops at a step until SIGCONT, and may die at a later one."""

    step: str
    later: str | None = None

    def arm(self) -> None:
        """Watch the steps."""
        at(self.step, 1, freeze)
        if self.later is not None:
            at(self.later, 1, die)


def random_doom(random: Random, steps: Sequence[str]) -> Doom:
    """Return a doom: half of them at a named step, the others at a random line or moment."""
    match random.randrange(4):
        case 0:
            return Doom(seconds=random.uniform(0, 0.25))
        case 1:
            return AtLine(nth=random.randint(1, 3), lines=random.randint(1, LINES))
        case _:
            return AtStep(step=random.choice(steps), nth=random.randint(1, 8))


def _die_in_commit(nth: int, lines: int) -> None:
    commit, numbers, left = Transaction.commit, count(1), iter(range(lines))

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line" and next(left, None) is None:
            die()
        return trace

    def traced(current: Transaction) -> None:
        if next(numbers) >= nth:
            sys.settrace(trace)
        try:
            commit(current)
        finally:
            sys.settrace(None)

    Transaction.commit = traced
