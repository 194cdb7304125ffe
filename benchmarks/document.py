"""``python -m benchmarks.document [FILE]``: put the figures into the page about performance.

What is in the page lies in ``published.json`` beside this module, too. A benchmark that the file
of figures hasn't keeps its table.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import goals, record, report
from benchmarks.figures import show
from benchmarks.outcome import Outcome
from benchmarks.venvs import REPOSITORY

PAGE = REPOSITORY / "docs" / "explanation" / "performance.md"
FIGURES = REPOSITORY / "var" / "bench" / "figures.json"
PUBLISHED = REPOSITORY / "benchmarks" / "published.json"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def main() -> None:
    """Write the page anew, its text as it is."""
    file = Path(sys.argv[1]) if sys.argv[1:] else FIGURES
    record.publish(file, PUBLISHED)
    PAGE.write_text(write_page(PAGE.read_text()))


def write_page(page: str) -> str:
    """Return the page with what is published, its text as it is."""
    found, outcomes = record.load(PUBLISHED), record.outcomes(PUBLISHED)
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    sections = [
        *write_goals(goals.judge(outcomes)),
        *(line for name, one in outcomes.items() for line in write_outcome(name, one, found)),
        *write_contestants(record.describe_contestants()),
    ]
    return "\n".join([f"{before}{BEGIN}", "", *sections, f"{END}{after}"])


def write_goals(verdicts: Iterable[dict[str, Any]]) -> list[str]:
    """Return the table of what was to be reached."""
    rows = [
        (
            verdict["goal"],
            verdict["bound"],
            show(verdict["value"]),
            "reached" if verdict["reached"] else "**not reached**",
        )
        for verdict in verdicts
    ]
    if not rows:
        return []
    return ["### To reach", "", *_table(["goal", "bound", "measured", ""], rows), ""]


def write_outcome(name: str, outcome: Outcome, found: record.Record) -> list[str]:
    """Return a scenario's table, with what is to be said of it."""
    about = found["benchmarks"][name]["about"]
    rows = [(row, *report.cells_of(outcome, row)) for row in outcome.figures]
    return [
        f"### {outcome.title}",
        "",
        f"In {outcome.unit}: the median, and the least and greatest if there were several rounds.",
        *outcome.remarks,
        "",
        *_table(["", *report.columns_of(outcome)], rows),
        "",
        *(f"- {row} wasn't measured any further: {why}" for row, why in outcome.reasons.items()),
        *([""] if outcome.reasons else []),
        *write_about(name, about),
        "",
    ]


def write_about(name: str, about: dict[str, Any]) -> list[str]:
    """Return when, where and of what versions the figures are."""
    machine, servers = about["machine"], about["servers"]
    versions = [f"{key} {value}" for key, value in (servers | about["ours"]).items()]
    peers = [
        f"{package} {version}"
        for peer, packages in about["peers"].items()
        for package, version in packages.items()
        if package.startswith(peer)
    ]
    cores = f"{machine['cores']} cores ({machine['processor']}), {machine['memory_gb']} GB"
    return [
        f"`python -m benchmarks {name}`, {about['date']}, commit {about['commit']}.",
        f"{cores}, {', '.join(['Python ' + machine['python'], *versions, *peers])}.",
        *(["A quick run: an idea, no figures."] if about["quick"] else []),
    ]


def write_contestants(contestants: dict[str, dict[str, str]]) -> list[str]:
    """Return who took part, and what each does and doesn't."""
    rows = [(name, one["server"], one["notes"]) for name, one in contestants.items()]
    return ["### Who takes part", "", *_table(["", "on", "how"], rows), ""]


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    marks = ["---"] * len(headings)
    return [f"| {' | '.join(cells)} |" for cells in (headings, marks, *rows)]


if __name__ == "__main__":
    main()
