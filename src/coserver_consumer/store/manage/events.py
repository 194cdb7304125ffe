"""The events that Zope is to tell, as the database has them."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.model.told_event import JobEnd
from coserver_consumer.store.manage.queries import find_by_ids
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.rows import to_state


def find_job_ends(connection: Connection, event_ids: Sequence[int]) -> list[JobEnd]:
    """Return these events, each with its job as it was at that end; without those that are gone.

    The job may run again by now, or have met another end.
    """
    if not event_ids:
        return []
    query = sa.select(tables.event).where(tables.event.c.id.in_(event_ids))
    rows = connection.execute(query.order_by(tables.event.c.id)).all()
    jobs = find_by_ids(connection, [row.job_id for row in rows])
    return [
        JobEnd(
            id=row.id,
            job=jobs[row.job_id]._replace(
                state=to_state(row.state), error=row.error, ended_at=row.at, result=None
            ),
        )
        for row in rows
        if row.job_id in jobs
    ]
