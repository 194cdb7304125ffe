"""Queue jobs in the current transaction, and look after them.

``from collective.coserver import queue``
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from zope.globalrequest import getRequest

from collective.coserver.address import to_path
from collective.coserver.body import CURRENT, Payload, to_body
from collective.coserver.datamanager import join
from collective.coserver.due import to_run_at
from collective.coserver.engine import read, write
from collective.coserver.headers import to_headers
from collective.coserver.origin import find_site, site_path, to_origin
from collective.coserver.owner import current_owner
from collective.coserver.parameters import to_parameters
from collective.coserver.queues import require_queue
from collective.coserver.settings import get_settings
from coserver_consumer import signing, store
from coserver_consumer.errors import InvalidJob
from coserver_consumer.job import Job, NewJob, State

TITLE = 200  # characters of a path that stands for a title
METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")


def add(  # noqa: PLR0917  collective.taskqueue has these positions
    url: Any,
    method: str = "GET",
    params: Mapping[str, Any] | None = None,
    headers: Mapping[str, Any] | None = None,
    payload: bytes | str | Payload | None = CURRENT,
    queue: str = "default",
    *,
    priority: int = 0,
    delay: float = 0,
    eta: datetime | None = None,
    max_attempts: int = 5,
    timeout: float | None = None,
    unique: str | None = None,
    title: str | None = None,
    requires: Iterable[str] = (),
    view: str | None = None,
) -> str:
    """Queue a request of a view with the current transaction; return the job's id.

    ``url`` is a path from Zope's root or an object, ``view`` the name of its view. The job runs
    as the user who is logged in now, once the transaction has committed. ``priority``: a point
    is a head start of a minute. ``delay`` and ``timeout`` are in seconds; ``eta`` has a time
    zone. ``unique``: nothing is queued while another live job has the same key. ``requires``:
    what a consumer must be capable of.

    Raises ``AddError`` for what can't be queued, ``ConfigurationError``, ``StoreError``.
    """
    require_queue(queue)
    request = getRequest()
    owner = current_owner()
    site = find_site(None if isinstance(url, str) else url)
    method = _to_method(method)
    path = to_path(url, view)
    body = to_body(payload, method=method, request=request)
    job = NewJob(
        task="view",
        args={
            "path": path,
            "method": method,
            "params": to_parameters(params),
            "headers": to_headers(headers, request, content_type=body.content_type),
        },
        queue=queue,
        priority=priority,
        delay=delay,
        run_at=to_run_at(eta, delay=delay),
        max_attempts=max_attempts,
        timeout=timeout,
        payload=body.content,
        owner=owner.id,
        site=site_path(site),
        origin=to_origin(owner, site=site, request=request),
        title=title or path[:TITLE],
        unique_key=unique,
        requires=_to_names(requires),
    )
    settings = get_settings()
    store.check_job(job, max_payload=settings.max_payload)
    join(signing.sign(job, settings.secret_text))
    return job.id


def get(job_id: str) -> Job:
    """Return the job, live or ended, as it was committed; raise ``JobNotFound``."""
    return read(lambda connection: store.get(connection, job_id))


def cancel(job_id: str) -> State:
    """Cancel the job at once, whatever becomes of the current transaction.

    Returns CANCELLED, or RUNNING if its consumer was asked to stop. Raises ``JobNotFound``, or
    ``WrongState`` if it has ended.
    """
    who = current_owner().id
    return write(lambda connection: store.cancel(connection, job_id, by=who))


def retry(job_id: str) -> None:
    """Run an ended job again, or a scheduled one now, whatever becomes of the transaction.

    Raises ``JobNotFound`` or ``WrongState``.
    """
    who = current_owner().id
    write(lambda connection: store.retry(connection, job_id, by=who))


def _to_method(name: str) -> str:
    if name.upper() not in METHODS:
        raise InvalidJob(f"A job can't be a {name} request; it can be {', '.join(METHODS)}.")
    return name.upper()


def _to_names(requires: Iterable[str]) -> tuple[str, ...]:
    if isinstance(requires, str):
        raise InvalidJob(f"requires is a list of names, such as ['{requires}'].")
    return tuple(requires)
