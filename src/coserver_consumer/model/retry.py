"""Whether and when a failed attempt is followed by another: what a task may say of it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from coserver_consumer.model.errors import InvalidTask
from coserver_consumer.model.exception_text import brief

DEFAULT_ATTEMPTS = 5  # of a job of which neither who queues it nor its task says more
Kind = type[BaseException] | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Exponential backoff with full jitter, in seconds.

    The rule is "full jitter" of the AWS Architecture Blog, "Exponential Backoff And Jitter":
    a uniform choice between nothing and the doubled wait, so that jobs which failed together
    don't come back together. ``floor`` keeps a job that fails at once from spinning.
    """

    base: float = 15
    cap: float = 3600
    floor: float = 1

    def delay(
        self, attempt: int, *, random: Callable[[], float], at_least: float | None = None
    ) -> float:
        """Return the seconds to wait after failed attempt number ``attempt`` (the first is 1).

        ``random`` gives floats in [0, 1). ``at_least`` is what a Retry-After asked for.
        """
        ceiling = min(self.cap, self.base * 2.0 ** min(attempt - 1, 30))
        return max(self.floor, at_least or 0, random() * ceiling)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often a task is tried, with what waits, and after which exceptions.

    ``max_attempts`` is for jobs of which nobody says how many they may have. ``backoff`` is instead
    of the consumer's. ``on``: only after these exceptions and their subclasses it is tried again,
    if any are named; ``never``: not after these, whatever ``on`` says. A text is the name of an
    exception's class, with its module (``requests.exceptions.Timeout``) or without.

    Raises ``InvalidTask`` naming the fault.
    """

    max_attempts: int | None = None
    backoff: Backoff | None = None
    on: tuple[Kind, ...] = ()
    never: tuple[Kind, ...] = ()

    def __post_init__(self) -> None:
        if fault := _find_fault(self):
            raise InvalidTask(f"The retry policy is wrong: {fault}.")

    def attempts(self, said: int | None) -> int:
        """Return how many attempts a job may have: as many as were said, or as the task says.

        ``said`` is None for a job of which nobody said it; the task may say nothing either.
        """
        if said is not None:
            return said
        return DEFAULT_ATTEMPTS if self.max_attempts is None else self.max_attempts

    def allows(self, error: BaseException) -> bool:
        """Return True if another attempt may follow this exception."""
        if any(_is_a(error, kind) for kind in self.never):
            return False
        return not self.on or any(_is_a(error, kind) for kind in self.on)

    def wait(self, attempt: int, *, random: Callable[[], float]) -> float | None:
        """Return the seconds to wait after this failed attempt, None if that is the consumer's."""
        return None if self.backoff is None else self.backoff.delay(attempt, random=random)


def _is_a(error: BaseException, kind: Kind) -> bool:
    if not isinstance(kind, str):
        return issubclass(type(error), kind)  # isinstance would ask the exception
    return any(
        kind in (each.__name__, f"{each.__module__}.{each.__qualname__}")
        for each in type(error).__mro__
    )


def _find_fault(said: Any) -> str | None:
    """Return what is wrong with a policy; plugins may have no type checker to tell them."""
    if said.max_attempts is not None and not _is_count(said.max_attempts):
        return f"max_attempts is {brief(said.max_attempts)}, wanted a number from 1 on"
    if said.backoff is not None and not _is_backoff(said.backoff):
        return f"backoff is {brief(said.backoff)}, wanted a Backoff from more than 0 s upwards"
    for name, kinds in (("on", said.on), ("never", said.never)):
        if not isinstance(kinds, tuple):
            return f"'{name}' is {brief(kinds)}, wanted a tuple of exceptions"
        for kind in kinds:
            if not _is_kind(kind):
                return f"'{name}' has {brief(kind)}, wanted an exception class or its name"
    return None


def _is_count(said: Any) -> bool:
    return isinstance(said, int) and said >= 1


def _is_backoff(said: Any) -> bool:
    if not isinstance(said, Backoff):
        return False
    numbers: tuple[Any, ...] = (said.base, said.cap, said.floor)
    if not all(isinstance(number, int | float) for number in numbers):
        return False
    return 0 < said.base <= said.cap and 0 <= said.floor <= said.cap


def _is_kind(kind: Any) -> bool:
    if isinstance(kind, type):
        return issubclass(kind, BaseException)
    return isinstance(kind, str) and bool(kind)


PLAIN = RetryPolicy()  # of a task that says nothing
