"""Counting what the dead have left: everything but the first two numbers must be zero."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy import Engine

from coserver_consumer.model.job import State
from coserver_consumer.store.schema import tables
from faults.journal import Journals
from faults.storages import COUNTERS, OBJECTS, Storage, read

NEVER_WAS = {State.DROPPED}
OPEN = {State.STAGED, State.FINISHING, State.UNKNOWN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What one scenario came to.

    A commit that returned counts as an object, so that a job which was queued without a change
    in the ZODB is missed too; and such a job must not be there if its transaction failed.

    ``well_after`` is how many seconds after the last trouble all was decided and done.
    """

    name: str
    kills: int
    transactions: int
    jobs_without_object: int = 0
    objects_without_job: int = 0
    duplicates: int = 0
    wrong_counters: int = 0
    undecided: int = 0
    well_after: int = 0
    is_control: bool = False

    @property
    def faults(self) -> int:
        """How much went wrong."""
        return (
            self.jobs_without_object
            + self.objects_without_job
            + self.duplicates
            + self.wrong_counters
            + self.undecided
        )


class Scene(Protocol):
    """Where it happened."""

    name: str
    engine: Engine
    storage: Storage
    directory: Path

    @property
    def is_control(self) -> bool:
        """True if faults are expected: it was done without the commit protocol."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A job as the store has it."""

    id: str
    state: State
    args: dict[str, Any]


def count_produced(scene: Scene, kills: int) -> Tally:
    """Count what producers have left."""
    rows, journals = read_rows(scene.engine), Journals(scene.directory)
    jobs = {row.id for row in rows if row.state not in NEVER_WAS}
    silent = {row.id for row in rows if not row.args["writes"]}
    objects = set(read(scene.storage, lambda root: list(root[OBJECTS])))
    committed, aborted = journals.ids("committed"), journals.ids("aborted")
    return Tally(
        name=scene.name,
        is_control=scene.is_control,
        kills=kills,
        transactions=journals.count("committed"),
        jobs_without_object=len(jobs - objects - silent) + len(jobs & silent & aborted),
        objects_without_job=len((objects | committed) - jobs),
        duplicates=len(rows) - len({row.id for row in rows}),
        undecided=sum(row.state in OPEN for row in rows),
    )


def count_consumed(scene: Scene, kills: int) -> Tally:
    """Count what consumers have left, when no job is live any more."""
    rows, journals = read_rows(scene.engine), Journals(scene.directory)
    jobs = [row for row in rows if row.state not in NEVER_WAS]
    ids = {row.id for row in jobs}
    objects = set(read(scene.storage, lambda root: list(root[OBJECTS])))
    counters = dict(read(scene.storage, lambda root: list(root[COUNTERS].items())))
    surplus, lacking = _compare_families(jobs)
    return Tally(
        name=scene.name,
        is_control=scene.is_control,
        kills=kills,
        transactions=journals.count("completed"),
        jobs_without_object=_count_objectless(jobs, objects) + journals.count("missing"),
        objects_without_job=len(objects - ids) + lacking,
        duplicates=len(rows) - len({row.id for row in rows}) + surplus,
        wrong_counters=_count_wrong(jobs, counters),
        undecided=sum(row.state is not State.COMPLETED for row in jobs),
    )


def read_rows(engine: Engine) -> list[Row]:
    """Return the live jobs and the history."""
    rows = []
    with engine.connect() as connection:
        for table in (tables.job, tables.history):
            query = sa.select(table.c.id, table.c.state, table.c.args)
            rows += [
                Row(id=row.id, state=State(row.state), args=row.args)
                for row in connection.execute(query)
            ]
    return rows


def _count_objectless(jobs: list[Row], objects: set[str]) -> int:
    return sum(
        bool(row.args["parent"]) and row.args["writes"] and row.id not in objects for row in jobs
    )


def _count_wrong(jobs: list[Row], counters: dict[str, int]) -> int:
    wanted = {row.id: int(row.args["writes"]) for row in jobs}
    found = Counter(counters)
    return sum(found[job_id] != wanted.get(job_id, 0) for job_id in wanted.keys() | found.keys())


def _compare_families(jobs: list[Row]) -> tuple[int, int]:
    """Return how many children there are too many, and too few."""
    wanted = Counter({row.id: row.args["children"] for row in jobs})
    found = Counter(row.args["parent"] for row in jobs if row.args["parent"])
    return (found - wanted).total(), (wanted - found).total()
