"""The table of what all scenarios came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from faults.tally import Tally

HEADS = {
    "scenario": "name",
    "kills": "kills",
    "transactions": "transactions",
    "jobs without object": "jobs_without_object",
    "objects without job": "objects_without_job",
    "duplicates": "duplicates",
    "counters != 1": "wrong_counters",
    "undecided": "undecided",
    "seconds until well": "well_after",
}


def render(tallies: Sequence[Tally]) -> str:
    """Return the table as Markdown: the protocol's scenarios, their sum, and the controls."""
    ours = [tally for tally in tallies if not tally.is_control]
    controls = [tally for tally in tallies if tally.is_control]
    rows = [_cells(tally) for tally in [*ours, _add_up(ours), *controls]]
    widths = [max(map(len, column)) for column in zip(HEADS, *rows, strict=True)]
    rules = ["-" * widths[0], *(f"{'-' * (width - 1)}:" for width in widths[1:])]
    return "\n".join(_line(cells, widths) for cells in [list(HEADS), rules, *rows])


def _add_up(tallies: Sequence[Tally]) -> Tally:
    numbers = [item.name for item in fields(Tally) if item.type == "int"]
    sums = {name: sum(getattr(tally, name) for tally in tallies) for name in numbers}
    slowest = max((tally.well_after for tally in tallies), default=0)
    return Tally(name="all of the above", **sums | {"well_after": slowest})


def _cells(tally: Tally) -> list[str]:
    values = [getattr(tally, name) for name in HEADS.values()]
    return [f"{value:,}" if isinstance(value, int) else value for value in values]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = zip(cells, widths, strict=True)
    padded = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
    return f"| {' | '.join(padded)} |"
