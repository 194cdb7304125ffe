"""What a scenario has found, and how all its contestants have their turns."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Self

from benchmarks.catalogue import CONTESTANTS
from benchmarks.contestant import Broken, Contestant
from benchmarks.figures import Figure, summarize

Wish = Callable[[Contestant], bool]


def anybody(contestant: Contestant) -> bool:
    """Return True."""
    return True


def is_quick(contestant: Contestant) -> bool:
    """Return True for those that take part in a quick run."""
    return contestant.is_quick


def is_first(contestant: Contestant) -> bool:
    """Return True for the one that a quick run has where one must do."""
    return contestant.is_ours and contestant.server == "PostgreSQL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How the benchmarks were asked for: quickly or not, for whom, in how many rounds if said."""

    quick: bool = False
    only: tuple[str, ...] = ()
    turns: int | None = None

    def rounds(self, usual: int, quick: int) -> int:
        """Return how many rounds are to be made where that many are usual."""
        return self.turns or (quick if self.quick else usual)

    def choose(self, wanted: Wish = anybody, *, quick: Wish = is_quick) -> list[Contestant]:
        """Return the contestants that a scenario wants and that were asked for.

        If none was asked for, a quick run has but those that ``quick`` is true for.
        """
        return [
            contestant
            for contestant in CONTESTANTS
            if wanted(contestant)
            and (quick(contestant) if self.quick and not self.only else self._asked_for(contestant))
        ]

    def _asked_for(self, contestant: Contestant) -> bool:
        name = contestant.name.lower()
        return not self.only or any(text.lower() in name for text in self.only)


@dataclass(slots=True, kw_only=True)
class Outcome:
    """A table of figures, by row and column, and why rows are missing."""

    title: str
    unit: str
    remarks: list[str] = field(default_factory=list)
    figures: dict[str, dict[str, Figure]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def get(self, row: str, column: str) -> float | None:
        """Return a median, None if it wasn't measured."""
        figure = self.figures.get(row, {}).get(column)
        return None if figure is None else figure.median

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Self:
        """Return what ``as_json`` wrote."""
        figures = {
            row: {column: Figure.from_json(figure) for column, figure in columns.items()}
            for row, columns in found["figures"].items()
        }
        return cls(
            title=found["title"],
            unit=found["unit"],
            remarks=found["remarks"],
            figures=figures,
            reasons=found["not_measured"],
        )

    def as_json(self) -> dict[str, Any]:
        """Return it as a table of JSON."""
        figures = {
            row: {column: figure.as_json() for column, figure in columns.items()}
            for row, columns in self.figures.items()
        }
        return {
            "title": self.title,
            "unit": self.unit,
            "remarks": self.remarks,
            "figures": figures,
            "not_measured": self.reasons,
        }


Measured = dict[str, float]
Row = tuple[str, Callable[[], Measured]]


def take_turns(outcome: Outcome, rows: Iterable[Row], rounds: int) -> Outcome:
    """Measure all rows in turns, so often, and fill the outcome.

    A row is a name and what measures it once: it returns a value for each column. One that breaks
    isn't tried again, and says why.
    """
    rows = list(rows)
    found: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name, _ in rows}
    for turn in range(1, rounds + 1):
        for name, measure in rows:
            if name in outcome.reasons:
                continue
            try:
                measured = measure()
            except (Broken, subprocess.TimeoutExpired) as error:
                outcome.reasons[name] = str(error)
                measured = {}
            for column, value in measured.items():
                found[name][column].append(value)
            said = ", ".join(f"{column}: {value:,.4g}" for column, value in measured.items())
            tell(f"  {outcome.title}, round {turn}: {name}: {said or outcome.reasons.get(name)}")
    outcome.figures |= {
        name: {column: summarize(values) for column, values in columns.items()}
        for name, columns in found.items()
        if columns
    }
    return outcome


def tell(line: str) -> None:
    """Say how far it is, apart from the tables."""
    print(line, file=sys.stderr, flush=True)
