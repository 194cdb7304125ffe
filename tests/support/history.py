"""The history as a test makes it up."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Engine

from coserver_consumer.model.job import new_id
from coserver_consumer.store.schema import tables

DAY = 86_400  # seconds
TOLD = (tables.error, tables.line, tables.dependency, tables.event)


class History:
    """Jobs that have ended, and what is told of jobs."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def end(self, job_id: str, *, days_ago: float = 0, **values: Any) -> str:
        """Write a job that ended so long ago; return its id."""
        self.end_all([job_id], days_ago=days_ago, **values)
        return job_id

    def end_all(self, ids: Sequence[str], *, days_ago: float = 0, **values: Any) -> None:
        """Write jobs that ended in the same moment."""
        ended_at = round((time.time() - days_ago * DAY) * 1_000_000)
        row = {"task": "t", "state": "completed", "ended_at": ended_at, **values}
        self._insert(tables.history, [{"id": job_id, **row} for job_id in ids])

    def tell(self, *ids: str) -> None:
        """Write an error, a line and an event of each job, and whom it waits for."""
        of_jobs = [{"job_id": job_id, "attempt": 1} for job_id in ids]
        self._insert(tables.error, [{**one, "run": 1, "error": "no"} for one in of_jobs])
        self._insert(tables.line, [{**one, "text": "sails set"} for one in of_jobs])
        self._insert(
            tables.dependency, [{"job_id": job_id, "parent_id": new_id()} for job_id in ids]
        )
        ends = {"queue": "default", "state": "failed"}
        self._insert(tables.event, [{"job_id": job_id, **ends} for job_id in ids])

    def told(self) -> list[str]:
        """Return the jobs of which errors, lines, parents or events are known, once for each."""
        with self.engine.connect() as connection:
            found = [connection.execute(sa.select(each.c.job_id)).scalars() for each in TOLD]
            return sorted(job_id for each in found for job_id in each)

    def _insert(self, table: sa.Table, rows: list[dict[str, Any]]) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.insert(table), rows)
