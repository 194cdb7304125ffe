"""How long to wait before the next attempt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


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
