"""What is to be reached, as ratios of figures of one run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.catalogue import CONTESTANTS
from benchmarks.outcome import Outcome
from benchmarks.scenarios import backlog, drain, enqueue, held, latency, plone, scaling, weight

Outcomes = Mapping[str, Outcome]
Value = Callable[[Outcomes], float | None]

PEERS = [one for one in CONTESTANTS if not one.is_ours and not one.is_ceiling]
ON_POSTGRESQL = [one.name for one in PEERS if one.server == "PostgreSQL"]
ON_REDIS = [one.name for one in PEERS if one.server == "Redis"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A value that is to be at least, or else at most, so great."""

    text: str
    value: Value
    bound: float
    at_least: bool = True

    def judge(self, outcomes: Outcomes) -> dict[str, Any]:
        """Return the value and whether the goal is reached, None for what wasn't measured."""
        value = self.value(outcomes)
        return {
            "goal": self.text,
            "bound": f"{'at least' if self.at_least else 'at most'} {self.bound:g}",
            "value": value,
            "reached": None if value is None else (value >= self.bound) == self.at_least,
        }


def ours(server: str) -> str:
    """Return the name that coserver has in the tables."""
    return f"coserver on {server}"


def ceiling(server: str, *, indexed: bool = False) -> str:
    """Return the name of a database's ceiling in the tables."""
    return f"ceiling with all indexes on {server}" if indexed else f"ceiling on {server}"


def cell(scenario: str, row: str, column: str) -> Value:
    """Return what finds one median."""
    return lambda outcomes: outcomes[scenario].get(row, column) if scenario in outcomes else None


def best(scenario: str, rows: Iterable[str], columns: Iterable[str]) -> Value:
    """Return what finds the greatest of several medians."""

    def find(outcomes: Outcomes) -> float | None:
        cells = [cell(scenario, row, column)(outcomes) for row in rows for column in columns]
        return max((value for value in cells if value is not None), default=None)

    return find


def ratio(value: Value, other: Value) -> Value:
    """Return what divides one by the other."""

    def find(outcomes: Outcomes) -> float | None:
        first, second = value(outcomes), other(outcomes)
        return None if first is None or not second else first / second

    return find


def _drain(server: str, column: str = drain.ONE) -> Value:
    return cell("drain", ours(server), column)


def _drain_of(rows: list[str]) -> Value:
    return best("drain", rows, [drain.ONE])


def _backlog(server: str) -> Value:
    row, (_, small, large) = ours(server), backlog.SIZES
    return ratio(
        cell("backlog", row, backlog.name_of(large)), cell("backlog", row, backlog.name_of(small))
    )


def _held(server: str) -> Value:
    return ratio(cell("held", ours(server), held.LAST), cell("held", ours(server), held.FREE))


def _scaling(server: str) -> Value:
    columns = [scaling.name_of(processes) for processes in scaling.PROCESSES]
    return ratio(
        cell("scaling", ours(server), columns[-1]), best("scaling", [ours(server)], columns)
    )


def _page(row: str) -> Value:
    return cell("plone", row, plone.NEARLY_ALL)


GOALS = [
    Goal(
        text="Drain on PostgreSQL, of the ceiling on the same tables",
        value=ratio(_drain("PostgreSQL"), _drain_of([ceiling("PostgreSQL", indexed=True)])),
        bound=0.6,
    ),
    Goal(
        text="Drain on PostgreSQL, of the ceiling with the least of indexes",
        value=ratio(_drain("PostgreSQL"), _drain_of([ceiling("PostgreSQL")])),
        bound=0.6,
    ),
    Goal(
        text="Drain on PostgreSQL, to the fastest peer on PostgreSQL",
        value=ratio(_drain("PostgreSQL"), _drain_of(ON_POSTGRESQL)),
        bound=2,
    ),
    Goal(
        text="Drain on PostgreSQL, to the fastest peer on Redis",
        value=ratio(_drain("PostgreSQL"), _drain_of(ON_REDIS)),
        bound=4,
    ),
    Goal(
        text="Drain on PostgreSQL, 2 processes to 1",
        value=ratio(_drain("PostgreSQL", drain.TWO), _drain("PostgreSQL")),
        bound=1.5,
    ),
    Goal(
        text="Drain on SQLite, of the ceiling on the same tables",
        value=ratio(_drain("SQLite"), _drain_of([ceiling("SQLite", indexed=True)])),
        bound=0.35,
    ),
    Goal(
        text="Drain on SQLite, of the ceiling with the least of indexes",
        value=ratio(_drain("SQLite"), _drain_of([ceiling("SQLite")])),
        bound=0.35,
    ),
    Goal(
        text="Drain on SQLite, to huey on SQLite",
        value=ratio(_drain("SQLite"), _drain_of(["huey on SQLite"])),
        bound=6,
    ),
    Goal(
        text="Enqueue one by one on PostgreSQL, of a raw insert and commit",
        value=ratio(
            cell("enqueue", ours("PostgreSQL"), enqueue.ONE),
            cell("enqueue", ceiling("PostgreSQL"), enqueue.ONE),
        ),
        bound=0.8,
    ),
    Goal(
        text="Enqueue in bulk on PostgreSQL, to one by one",
        value=ratio(
            cell("enqueue", ours("PostgreSQL"), enqueue.MANY),
            cell("enqueue", ours("PostgreSQL"), enqueue.ONE),
        ),
        bound=10,
    ),
    Goal(
        text="Latency on PostgreSQL, p50 ms",
        value=cell("latency", ours("PostgreSQL"), latency.HALF),
        bound=5,
        at_least=False,
    ),
    Goal(
        text="Latency on PostgreSQL, p99 ms",
        value=cell("latency", ours("PostgreSQL"), latency.NEARLY_ALL),
        bound=25,
        at_least=False,
    ),
    *(
        Goal(
            text=f"Latency on {server}, p99 ms",
            value=cell("latency", ours(server), latency.NEARLY_ALL),
            bound=100,
            at_least=False,
        )
        for server in ("SQLite", "MariaDB")
    ),
    *(
        Goal(
            text=f"Beside a million ready and ended on {server}, to ten thousand",
            value=_backlog(server),
            bound=0.8,
        )
        for server in ("PostgreSQL", "SQLite", "MariaDB")
    ),
    *(
        Goal(
            text=f"Beside a held transaction on {server}, to without",
            value=_held(server),
            bound=0.7,
        )
        for server in ("PostgreSQL", "SQLite", "MariaDB")
    ),
    *(
        Goal(
            text=f"16 processes on {server}, to the best number",
            value=_scaling(server),
            bound=0.7,
        )
        for server in ("PostgreSQL", "SQLite", "MariaDB")
    ),
    Goal(
        text="Idle on PostgreSQL, statements a second",
        value=cell("weight", ours("PostgreSQL"), weight.STATEMENTS),
        bound=2,
        at_least=False,
    ),
    Goal(
        text="Idle on PostgreSQL, % of a core",
        value=cell("weight", ours("PostgreSQL"), weight.IDLE_CPU),
        bound=1,
        at_least=False,
    ),
    *(
        Goal(
            text=f"Plone's page while jobs run through {row}, p99 to that without jobs",
            value=ratio(_page(row), _page(plone.NO_JOBS)),
            bound=2,
            at_least=False,
        )
        for row in (plone.ZODB, plone.ZODB_NICE)
    ),
    *(
        Goal(
            text=f"Plone's page, p99 with the work in requests to that with jobs through {row}",
            value=ratio(_page(plone.IN_REQUESTS), _page(row)),
            bound=10,
        )
        for row in (plone.ZODB, plone.ZODB_NICE)
    ),
]


def judge(outcomes: Outcomes) -> list[dict[str, Any]]:
    """Return what became of each goal that was measured."""
    judged = [goal.judge(outcomes) for goal in GOALS]
    return [verdict for verdict in judged if verdict["value"] is not None]
