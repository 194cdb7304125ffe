"""What people and loops change about jobs outside their attempts."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.model.errors import WrongState
from coserver_consumer.model.job import Job, RunKey, State
from coserver_consumer.model.lifecycle import RETRIABLE, WAITING, describe_cancel
from coserver_consumer.model.options import read_by, read_flag
from coserver_consumer.model.texts import make_storable
from coserver_consumer.store.enqueue.dependencies import forget_parents
from coserver_consumer.store.enqueue.unique_keys import find_holder
from coserver_consumer.store.finish.dependents import end_locked
from coserver_consumer.store.finish.events import note_decision
from coserver_consumer.store.finish.history import revive_if_fit
from coserver_consumer.store.manage.audit import audit
from coserver_consumer.store.manage.queries import get, lock_state
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.clock import Now
from coserver_consumer.store.schema.fragments import is_state

MAX_TEXT_CHARS = 1024  # of a progress


def cancel(
    connection: Connection, job_id: str, *, by: str | None = None, kill: bool = False
) -> State:
    """Cancel a job and return its state: cancelled, or running if its consumer was asked to stop.

    With ``kill`` the consumer doesn't wait until a running job heeds that, but ends the process
    that runs it. A job in the state unknown is thereby decided not to run.
    Raise ``InvalidJob``, ``JobNotFound``, or ``WrongState`` for a job that has ended or whose
    request hasn't.
    """
    by, kill = read_by(by), read_flag("kill", kill)
    job_id, state = lock_state(connection, job_id)
    if state in WAITING:
        end_locked(connection, [job_id], state=State.CANCELLED, error=describe_cancel(by))
        state = State.CANCELLED
    elif state is State.UNKNOWN:
        decided = sa.update(tables.history).where(tables.history.c.id == job_id)
        connection.execute(decided.values(state=State.CANCELLED.value))
        note_decision(connection, job_id)
        state = State.CANCELLED
    elif state is State.RUNNING:
        asked = sa.update(tables.job).where(tables.job.c.id == job_id)
        due = {"deadline_at": Now()} if kill else {}
        connection.execute(asked.values(cancel_at=Now(), **due))
    else:
        raise WrongState(f"Job {job_id} is {state}; only a live job can be cancelled.")
    audit(connection, "cancel", who=by, job_id=job_id)
    return state


def retry(
    connection: Connection,
    job_id: str,
    *,
    by: str | None = None,
    states: Collection[State] = RETRIABLE,
    renew: Callable[[Job], str | None] = lambda job: job.signature,
) -> None:
    """Run an ended job again with all its attempts before it, or a scheduled one now.

    An ended one doesn't expire any more.
    ``states`` are those in which whoever asks may have it run. ``renew`` returns the job's new
    signature: the old one may be too old by now. Raise ``InvalidJob``, ``JobNotFound``, or
    ``WrongState`` if it waits or runs already, never was committed, or its unique key is held by
    another job meanwhile.
    """
    by = read_by(by)
    job_id, state = lock_state(connection, job_id)
    if state not in states:
        raise WrongState(_refuse_retry(job_id, state))
    if state is State.SCHEDULED:
        due = sa.update(tables.job).where(tables.job.c.id == job_id)
        connection.execute(due.values(state=State.READY.value, run_at=Now()))
    else:
        _check_key(connection, get(connection, job_id))
        forget_parents(connection, job_id)
        again: dict[str, Any] = {
            "state": State.READY,
            "run_at": Now(),
            "waits_for": sa.literal(0),
            "expires_at": sa.null(),
        }
        if why := revive_if_fit(connection, job_id, **again):
            raise WrongState(f"Job {job_id} can't run again. {why}")
    _sign_anew(connection, job_id, renew)
    audit(connection, "retry", who=by, job_id=job_id)


def _refuse_retry(job_id: str, state: State) -> str:
    """Return why a job in this state can't be retried, and what to do if it is blocked."""
    if state is State.BLOCKED:
        return (
            f"Job {job_id} is blocked: it waits for other jobs. Retry those of them that have not "
            "been completed; or cancel this one and retry it then, and it waits for none."
        )
    return f"Job {job_id} is {state}; only an ended or scheduled job can be retried."


def _sign_anew(connection: Connection, job_id: str, renew: Callable[[Job], str | None]) -> None:
    job = get(connection, job_id)
    signature = renew(job)
    if signature != job.signature:
        signed = sa.update(tables.job).where(tables.job.c.id == job_id)
        connection.execute(signed.values(signature=signature))


def report(connection: Connection, key: RunKey, progress: float, text: str | None) -> bool:
    """Write how far a run is, from 0 to 1; return False if it isn't the current run any more."""
    job = tables.job.c
    statement = (
        sa.update(tables.job)
        .where(job.id == key.job_id, job.run == key.run, is_state(State.RUNNING))
        .values(
            progress=min(1.0, max(0.0, progress)),
            progress_text=make_storable(text, MAX_TEXT_CHARS) if text else None,
        )
    )
    return connection.execute(statement).rowcount == 1


def _check_key(connection: Connection, job: Job) -> None:
    if job.unique_key is None:
        return
    holder = find_holder(connection, job.unique_key)
    if holder is not None:
        raise WrongState(
            f"Job {job.id} can't run again now: job {holder.id} has the same unique key "
            f"'{job.unique_key}'."
        )
