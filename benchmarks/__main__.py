"""``python -m benchmarks [NAME ...]``: run the benchmarks, all of them unless some are named."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import commit, goals, record, recovery, report, transports
from benchmarks.catalogue import CONTESTANTS
from benchmarks.outcome import Options, Outcome, tell
from benchmarks.scenarios import (
    backlog,
    drain,
    enqueue,
    held,
    latency,
    mixed,
    payload,
    plone,
    scaling,
    weight,
)

SCENARIOS: dict[str, Callable[[Options], Outcome]] = {
    "enqueue": enqueue.run,
    "drain": drain.run,
    "latency": latency.run,
    "backlog": backlog.run,
    "held": held.run,
    "payload": payload.run,
    "weight": weight.run,
    "scaling": scaling.run,
    "mixed": mixed.run,
    "plone": plone.run,
}
APART: dict[str, Callable[..., dict[str, Any]]] = {
    "commit": commit.run,
    "recovery": recovery.run,
    "transports": transports.run,
}
GIANTS = ("plone", "recovery", "transports")  # they take minutes
FIGURES, QUICK_FIGURES = Path("var/bench/figures.json"), Path("var/bench/quick.json")


def main() -> None:
    """Print a table for each benchmark, and keep the figures as JSON."""
    chosen = _parse()
    options = Options(quick=chosen.quick, only=tuple(chosen.only), turns=chosen.rounds)
    file = chosen.json or (QUICK_FIGURES if options.quick else FIGURES)
    for name in chosen.names or _usual(quick=options.quick):
        tell(f"{name} ...")
        record.keep(file, name, _run(name, options), options)
    verdicts = goals.judge(record.outcomes(file))
    if verdicts:
        report.print_verdicts(verdicts)
    print(f"\nThe figures are in {file}.")


def _run(name: str, options: Options) -> dict[str, Any]:
    """Run one and print its tables; return its figures."""
    if name in APART:
        return APART[name](quick=options.quick)
    outcome = SCENARIOS[name](options)
    report.print_outcome(outcome)
    return outcome.as_json()


def _usual(*, quick: bool) -> list[str]:
    """Return what is run if nothing is named."""
    return [name for name in (*SCENARIOS, *APART) if not (quick and name in GIANTS)]


def _parse() -> argparse.Namespace:
    names = [*SCENARIOS, *APART]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    parser.add_argument("--quick", action="store_true", help="fewer rounds: an idea, not a figure")
    parser.add_argument(
        "--rounds", type=int, metavar="NUMBER", help="so many rounds instead of two or three"
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="TEXT",
        help=f"those whose name has this in it, of: {'; '.join(c.name for c in CONTESTANTS)}",
    )
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="where the figures go as JSON; those of other benchmarks stay in it",
    )
    chosen = parser.parse_args()
    unknown = set(chosen.names) - set(names)
    if chosen.rounds is not None and chosen.rounds < 1:
        parser.error(f"--rounds is {chosen.rounds}; wanted 1 or more")
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}; there are: {', '.join(names)}")
    return chosen


if __name__ == "__main__":
    main()
