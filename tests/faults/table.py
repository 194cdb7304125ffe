"""The table of what all scenarios came to."""

from __future__ import annotations

from collections.abc import Sequence

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
}


def render(tallies: Sequence[Tally]) -> str:
    """Return the table as Markdown, with sums where all is expected to be well."""
    rows = [[str(getattr(tally, name)) for name in HEADS.values()] for tally in tallies]
    widths = [max(map(len, column)) for column in zip(HEADS, *rows, strict=True)]
    lines = [list(HEADS), ["-" * width for width in widths], *rows]
    return "\n".join(_line(cells, widths) for cells in lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cell.rjust(width) if number else cell.ljust(width)
        for number, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return f"| {' | '.join(padded)} |"
