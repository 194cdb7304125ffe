"""Figures: what was measured again and again, and what is said of it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A median, with the least and the greatest, and how many measurements it is of."""

    median: float
    least: float
    greatest: float
    rounds: int

    @classmethod
    def from_json(cls, figure: dict[str, Any]) -> Self:
        """Return what ``as_json`` wrote."""
        return cls(**figure)

    def as_json(self) -> dict[str, Any]:
        """Return it as a table of JSON."""
        return asdict(self)


def summarize(measured: Sequence[float]) -> Figure:
    """Return the figure of several measurements."""
    return Figure(
        median=statistics.median(measured),
        least=min(measured),
        greatest=max(measured),
        rounds=len(measured),
    )


def percentile(measured: Sequence[float], percent: float) -> float:
    """Return the value that so many of a hundred don't exceed."""
    ordered = sorted(measured)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def show(value: float) -> str:
    """Return a figure with about three digits that say something."""
    if value >= 100:  # noqa: PLR2004  from here on a fraction says nothing
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"  # noqa: PLR2004


def show_spread(figure: Figure) -> str:
    """Return a median with its spread, if there is any."""
    if figure.rounds == 1:
        return show(figure.median)
    return f"{show(figure.median)} ({show(figure.least)} - {show(figure.greatest)})"
