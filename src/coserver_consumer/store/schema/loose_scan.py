"""Loose index scans: which values the live jobs have in a column.

Such values are few, and many jobs may share one. The scan goes from one value to the next in an
index, so that many jobs of a value cost no more than one job.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, assert_never

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.model.job import State
from coserver_consumer.store.database.family import Family, find_family
from coserver_consumer.store.database.statement import Statement, parameter
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.fragments import by_index, is_state

VALUES_PER_STATEMENT = 64


class LooseIndexScan:
    """Finds the values of a text column among the jobs that fulfil conditions.

    ``index`` has the columns that the conditions name, and then the column itself.
    """

    def __init__(
        self, column: sa.ColumnElement[str], index: str, *conditions: sa.ColumnElement[bool]
    ) -> None:
        self._column = column
        self._index = index
        self._conditions = conditions
        self._first = Statement(self._build_first)
        self._walk = Statement(self._build_walk)
        self._page = Statement(self._build_page)

    def all(self, connection: Connection, **parameters: Any) -> Iterator[str]:
        """Yield all values, in the database's order; there may be an empty one."""
        seen: set[str] = set()
        page = list(self._first.execute(connection, **parameters).scalars())
        while page and seen.isdisjoint(page):  # bytes that aren't text are read as other ones
            yield from page
            seen.update(page)
            page = self.after(connection, page[-1], limit=VALUES_PER_STATEMENT, **parameters)

    def after(
        self, connection: Connection, value: str, *, limit: int, **parameters: Any
    ) -> list[str]:
        """Return the next values after this one, up to ``limit``, in the database's order."""
        match family := find_family(connection):
            case Family.SQLITE | Family.POSTGRESQL:
                found = self._walk.execute(connection, after=value, limit=limit, **parameters)
                return [value for value in found.scalars() if value is not None]
            case Family.MYSQL:
                return list(islice(self._read_pages(connection, value, limit, parameters), limit))
            case _:
                assert_never(family)

    def _read_pages(
        self, connection: Connection, value: str, limit: int, parameters: dict[str, Any]
    ) -> Iterator[str]:
        """Yield the values, a statement for so many jobs after another.

        In a recursive statement MariaDB reads for each value all jobs that come before it.
        """
        while page := self._read_page(connection, value, limit, parameters):
            value = page[-1]
            yield from dict.fromkeys(page)

    def _read_page(
        self, connection: Connection, value: str, limit: int, parameters: dict[str, Any]
    ) -> Sequence[str]:
        found = self._page.execute(connection, after=value, limit=limit, **parameters)
        return found.scalars().all()

    def _build_first(self, family: Family) -> sa.Executable:
        return self._in_order(family).limit(1)

    def _build_page(self, family: Family) -> sa.Executable:
        after = self._column > parameter("after", type_=self._column.type)
        return self._in_order(family, after).limit(parameter("limit", type_=sa.Integer))

    def _in_order(self, family: Family, *more: sa.ColumnElement[bool]) -> sa.Select[str]:
        query = sa.select(self._column).where(*self._conditions, *more).order_by(self._column)
        return by_index(family, query, self._index)

    def _build_walk(self, _family: Family) -> sa.Executable:
        after = parameter("after", type_=self._column.type)
        first = sa.select(self._next(after).label("value")).cte("found", recursive=True)
        following = sa.select(self._next(first.c.value)).where(first.c.value.is_not(None))
        found = first.union_all(following)
        return sa.select(found.c.value).limit(parameter("limit", type_=sa.Integer))

    def _next(self, value: sa.ColumnElement[str]) -> sa.ScalarSelect[str]:
        return (
            sa.select(sa.func.min(self._column))
            .where(*self._conditions, self._column > value)
            .correlate_except(tables.job)
            .scalar_subquery()
        )


READY_QUEUES = LooseIndexScan(tables.job.c.queue, "coserver_job_claim", is_state(State.READY))
