"""One job: what it is, what it has come to, and what is changed about it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from collective.coserver.database.engine import get_engine, read, write
from collective.coserver.database.settings import get_settings
from collective.coserver.datamanager.uncommitted import find_uncommitted
from collective.coserver.functions.result import read_result
from collective.coserver.identity.cross_site import refuse_cross_site
from collective.coserver.identity.owner import current_owner
from collective.coserver.identity.rerun import require_rerun
from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.model.exception_text import brief
from coserver_consumer.model.job import Job, State
from coserver_consumer.producer.notifier import find_notifier
from coserver_consumer.protocol.proof import make_transfer
from coserver_consumer.protocol.signing import make_renewal
from coserver_consumer.store import manage


def get(job_id: str) -> Job:
    """Return the job, live or ended, as it was committed; raise ``JobNotFound``.

    One that the current transaction has queued isn't committed yet: it is ``staged``, and gone once
    the transaction has aborted. For one that wasn't needed, since another job has its unique key,
    that other one is returned.
    """
    return find_uncommitted(job_id) or _get_committed(job_id)


def _get_committed(job_id: str) -> Job:
    return read(lambda connection: manage.get_merged(connection, job_id))


def result(job_id: str) -> Any:
    """Return what a completed job's function returned, or what its view answered.

    Raises ``JobNotFound``, and ``NoResult``: ``NotDone`` or ``DidNotComplete``.
    """
    return read_result(get(job_id))


def cancel(job_id: str, *, kill: bool = False) -> State:
    """Cancel the job at once, whatever becomes of the current transaction.

    Returns CANCELLED, or RUNNING if its consumer was asked to stop; with ``kill`` it ends the
    process that runs a job which doesn't heed that. Raises ``InvalidJob``, ``JobNotFound``, or
    ``WrongState`` if it has ended.
    """
    who, found = current_owner().id, _get_committed(job_id).id
    return write(lambda connection: manage.cancel(connection, found, by=who, kill=kill))


def retry(job_id: str, *, states: Collection[State] | None = None) -> None:
    """Run an ended job again, or a scheduled one now, whatever becomes of the transaction.

    An ended one doesn't expire any more.
    ``states`` are those in which it may be run again, by default all that allow it. Raises
    ``JobNotFound``, ``WrongState``, ``NotAllowed`` for a request of neither the job's owner nor a
    manager, and ``CrossSiteRequest``.
    """
    refuse_cross_site()
    said: dict[str, Any] = {} if states is None else {"states": _to_states(states)}
    job = _get_committed(job_id)
    require_rerun(job)
    said |= {"by": current_owner().id, "renew": make_renewal(find_secret)}
    write(lambda connection: manage.retry(connection, job.id, **said))


def set_priority(job_id: str, priority: int) -> None:
    """Give a waiting job another priority at once, whatever becomes of the transaction.

    Raises ``InvalidJob``, ``JobNotFound``, and ``WrongState`` for a job that doesn't wait.
    """
    who, found = current_owner().id, _get_committed(job_id).id
    write(lambda connection: manage.set_priority(connection, found, priority, by=who))


def move(job_id: str, queue: str) -> None:
    """Move a waiting job to another queue at once, whatever becomes of the transaction.

    Raises ``UnknownQueue``, ``JobNotFound``, and ``WrongState`` for a job that doesn't wait or is
    one of a program's key.
    """
    who, found = current_owner().id, _get_committed(job_id).id
    sign = make_transfer(find_secret)
    state = write(lambda connection: manage.move(connection, found, queue, by=who, sign=sign))
    if state is State.READY:
        find_notifier(get_engine()).notify([queue])


def find_secret() -> str:
    """Return the secret that Zope and its consumers share; raise ``ConfigurationError``."""
    return get_settings().secret_text


def _to_states(states: Any) -> frozenset[State]:
    try:
        return frozenset(map(State, [states] if isinstance(states, str) else states))
    except (TypeError, ValueError):
        raise InvalidJob(f"states is {brief(states)}, wanted some of {', '.join(State)}.") from None
