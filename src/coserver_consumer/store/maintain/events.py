"""The events that Zope hasn't been told of yet: whose turn it is, and what became of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.model.told_event import Event
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.clock import SECOND, Now
from coserver_consumer.store.schema.fragments import lock
from coserver_consumer.store.schema.rows import to_state


def has_due_events(connection: Connection, queues: Collection[str]) -> bool:
    """Return True if there is an event to be told now of a job in one of these queues."""
    event = tables.event.c
    due = sa.select(event.id).where(event.due_at <= Now(), event.queue.in_(queues)).limit(1)
    return connection.execute(due).first() is not None


def take_events(
    connection: Connection, queues: Collection[str], *, lease: float, limit: int
) -> list[Event]:
    """Return events that are to be told now, the oldest first; nobody else gets them meanwhile.

    That is for ``lease`` seconds: then they are due again, unless something was written of them.
    One that couldn't be told before comes alone, so that it harms no other.
    """
    event = tables.event.c
    query = (
        sa.select(event.id, event.job_id, event.state, event.tries)
        .where(event.due_at <= Now(), event.queue.in_(queues))
        .order_by(event.due_at, event.id)
        .limit(limit)
    )
    found = [
        Event(id=row.id, job_id=row.job_id, state=to_state(row.state), tries=row.tries)
        for row in lock(connection, query, skip=True)
    ]
    fresh = [each for each in found if each.tries == 0]
    taken = fresh if found and found[0].tries == 0 else found[:1]
    put_off_events(connection, [each.id for each in taken], wait=lease)
    return taken


def put_off_events(
    connection: Connection, event_ids: Sequence[int], *, wait: float, has_failed: bool = False
) -> None:
    """Have events be told in ``wait`` seconds; ``has_failed`` counts as a try of theirs."""
    if not event_ids:
        return
    event = tables.event.c
    later = sa.update(tables.event).where(event.id.in_(event_ids))
    connection.execute(
        later.values(due_at=Now() + round(wait * SECOND), tries=event.tries + int(has_failed))
    )


def remove_events(connection: Connection, event_ids: Sequence[int]) -> None:
    """Remove events: they have been told, or nobody tries any more."""
    if event_ids:
        connection.execute(sa.delete(tables.event).where(tables.event.c.id.in_(event_ids)))
