"""The making of a job: from what a caller wants to a part of the current transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from collective.coserver.datamanager import join
from collective.coserver.due import to_run_at
from collective.coserver.origin import site_path, to_origin
from collective.coserver.owner import Owner
from collective.coserver.queues import require_queue
from collective.coserver.settings import get_settings
from coserver_consumer import signing, store
from coserver_consumer.errors import InvalidJob
from coserver_consumer.job import NewJob

TITLE = 200  # characters of a path or name that stands for a title


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What may be said of any job: see ``queue.add``."""

    queue: str = "default"
    priority: int = 0
    delay: float = 0
    eta: datetime | None = None
    max_attempts: int = 5
    timeout: float | None = None
    unique: str | None = None
    title: str | None = None
    requires: Iterable[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a job is to do; ``title`` is what it is called if nobody says otherwise."""

    task: str
    args: dict[str, Any]
    title: str
    payload: bytes | None = None


def enlist(work: Work, options: Options, *, owner: Owner, site: Any, request: Any) -> str:
    """Make the job, sign it and add it to the current transaction; return its id.

    It runs as ``owner`` in ``site``, and is given back what it needs of ``request``. Raises
    ``AddError`` for what can't be queued, ``ConfigurationError``, ``StoreError``.
    """
    require_queue(options.queue)
    job = NewJob(
        task=work.task,
        args=work.args,
        queue=options.queue,
        priority=options.priority,
        delay=options.delay,
        run_at=to_run_at(options.eta, delay=options.delay),
        max_attempts=options.max_attempts,
        timeout=options.timeout,
        payload=work.payload,
        owner=owner.id,
        site=site_path(site),
        origin=to_origin(owner, site=site, request=request),
        title=options.title or work.title[:TITLE],
        unique_key=options.unique,
        requires=_to_names(options.requires),
    )
    settings = get_settings()
    store.check_job(job, max_payload=settings.max_payload)
    join(signing.sign(job, settings.secret_text))
    return job.id


def _to_names(requires: Iterable[str]) -> tuple[str, ...]:
    if isinstance(requires, str):
        raise InvalidJob(f"requires is a list of names, such as ['{requires}'].")
    return tuple(requires)
