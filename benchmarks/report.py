"""The tables and the file of figures."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.figures import show, show_spread
from benchmarks.outcome import Outcome


def print_outcome(outcome: Outcome) -> None:
    """Print a scenario's table."""
    console = Console()
    console.print()
    console.print(_table(outcome))
    for name, reason in outcome.reasons.items():
        console.print(f"Not measured any further: {name}: {reason}", markup=False)
    for remark in outcome.remarks:
        console.print(remark, markup=False)


def columns_of(outcome: Outcome) -> list[str]:
    """Return the columns in the order in which they were first measured."""
    return list(dict.fromkeys(column for row in outcome.figures.values() for column in row))


def cells_of(outcome: Outcome, row: str) -> list[str]:
    """Return what stands in a row."""
    figures = outcome.figures[row]
    return [
        show_spread(figures[column]) if column in figures else "" for column in columns_of(outcome)
    ]


def _table(outcome: Outcome) -> Table:
    table = Table(title=f"{outcome.title}; {outcome.unit}, median (least - greatest)")
    table.add_column("")
    for column in columns_of(outcome):
        table.add_column(column, justify="right")
    for row in outcome.figures:
        style = "bold" if row.startswith("coserver") else None
        table.add_row(row, *cells_of(outcome, row), style=style)
    return table


def print_verdicts(verdicts: list[dict[str, Any]]) -> None:
    """Print which goals are reached."""
    table = Table(title="To reach")
    for heading in ("goal", "bound", "measured", ""):
        table.add_column(heading, justify="left" if heading in ("goal", "") else "right")
    for verdict in verdicts:
        reached = "reached" if verdict["reached"] else "not reached"
        style = None if verdict["reached"] else "bold"
        table.add_row(
            verdict["goal"], verdict["bound"], show(verdict["value"]), reached, style=style
        )
    console = Console()
    console.print()
    console.print(table)
