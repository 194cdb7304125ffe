"""Where a waiting job stands: in which queue, and with what priority."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.model.errors import WrongState
from coserver_consumer.model.job import Job, State
from coserver_consumer.model.lifecycle import WAITING
from coserver_consumer.model.options import PRIORITY, read_by
from coserver_consumer.store.manage.audit import audit
from coserver_consumer.store.manage.queries import get, lock_state
from coserver_consumer.store.manage.queues import require_queue
from coserver_consumer.store.schema import tables

Sign = Callable[[Job, str], str | None]
"""Returns the signature of a job as one of another queue; raises ``CoserverError`` if it can't."""


def set_priority(
    connection: Connection, job_id: str, priority: int, *, by: str | None = None
) -> State:
    """Give a waiting job another priority; return the state it waits in.

    Raises ``InvalidJob`` for what is wrong, ``JobNotFound``, and ``WrongState`` for a job
    that doesn't wait: one that runs, has ended, or whose request hasn't.
    """
    number, by = PRIORITY.read("priority", priority), read_by(by)
    job_id, state = _lock_waiting(connection, job_id, "its priority can be changed")
    _change(connection, job_id, priority=number)
    audit(connection, "set_priority", who=by, job_id=job_id)
    return state


def refuse_signed(job: Job, queue: str) -> None:
    """Raise ``WrongState`` for a signed job: who doesn't know the secret can't sign it anew."""
    if job.signature is not None:
        raise WrongState(
            f"Job {job.id} is signed for its queue '{job.queue}', and only who knows the secret "
            "can sign it for another: move it by `coserver jobs move`, or by queue.move in Zope."
        )


def move(
    connection: Connection,
    job_id: str,
    queue: str,
    *,
    by: str | None = None,
    sign: Sign = refuse_signed,
) -> State:
    """Move a waiting job to another queue; return the state it waits in.

    ``sign`` signs a job anew that is signed for the queue it was in. Raises ``UnknownQueue``, and
    ``InvalidJob``, ``JobNotFound``, ``WrongState`` as ``set_priority`` does.
    """
    by = read_by(by)
    require_queue(connection, queue)
    job_id, state = _lock_waiting(connection, job_id, "it can be moved")
    job = get(connection, job_id)
    if job.queue != queue:
        _change(connection, job_id, queue=queue, signature=sign(job, queue))
    audit(connection, "move", who=by, job_id=job_id, queue=queue)
    return state


def _lock_waiting(connection: Connection, job_id: str, what: str) -> tuple[str, State]:
    """Return the id and state of a job, which no consumer can take until the transaction ends."""
    job_id, state = lock_state(connection, job_id)
    if state not in WAITING:
        names = ", ".join(sorted(WAITING))
        raise WrongState(f"Job {job_id} is {state}; only while a job waits ({names}) {what}.")
    return job_id, state


def _change(connection: Connection, job_id: str, **values: Any) -> None:
    connection.execute(sa.update(tables.job).where(tables.job.c.id == job_id).values(**values))
