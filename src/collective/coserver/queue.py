"""Queue jobs in the current transaction, and look after them.

``from collective.coserver import queue``
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from zope.globalrequest import getRequest

from collective.coserver.address import to_path
from collective.coserver.body import CURRENT, Payload, to_body
from collective.coserver.engine import read, write
from collective.coserver.enlisting import Options, Work, enlist
from collective.coserver.functions.result import read_result
from collective.coserver.headers import to_headers
from collective.coserver.origin import find_site
from collective.coserver.owner import current_owner
from collective.coserver.parameters import to_parameters
from coserver_consumer import store
from coserver_consumer.answer import XML_RPC
from coserver_consumer.codec import encode
from coserver_consumer.errors import InvalidJob
from coserver_consumer.job import Job, State
from coserver_consumer.xmlrpc_message import write_call

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
    request = getRequest()
    method = _to_method(method)
    path = to_path(url, view)
    body = to_body(payload, method=method, request=request)
    work = Work(
        task="view",
        args={
            "path": path,
            "method": method,
            "params": to_parameters(params),
            "headers": to_headers(headers, request, content_type=body.content_type),
        },
        title=path,
        payload=body.content,
    )
    options = Options(
        queue=queue,
        priority=priority,
        delay=delay,
        eta=eta,
        max_attempts=max_attempts,
        timeout=timeout,
        unique=unique,
        title=title,
        requires=requires,
    )
    site = find_site(None if isinstance(url, str) else url)
    return enlist(work, options, owner=current_owner(), site=site, request=request)


def add_xmlrpc(url: Any, method: str, args: Sequence[Any] = (), **options: Any) -> str:
    """Queue the call of a method through Zope's XML-RPC; return the job's id.

    ``url`` is a path from Zope's root or an object, ``options`` those of ``add`` from ``queue``
    to ``requires``. ``result`` gives what the method returned. XML-RPC must be on in the Zope
    that runs the job: ``enable-xmlrpc on`` in zope.conf. Raises as ``add`` does.
    """
    path = to_path(url, None)
    written = encode(list(args), name=f"The arguments of {method}")
    write_call(method, args)  # raises for what XML-RPC can't bear
    work = Work(
        task=XML_RPC,
        args={"path": path, "method": method, "args": written},
        title=f"{path} {method}",
    )
    site = find_site(None if isinstance(url, str) else url)
    return enlist(work, Options(**options), owner=current_owner(), site=site, request=getRequest())


def get(job_id: str) -> Job:
    """Return the job, live or ended, as it was committed; raise ``JobNotFound``."""
    return read(lambda connection: store.get(connection, job_id))


def result(job_id: str) -> Any:
    """Return what a completed job's function returned, or what its view answered.

    Raises ``JobNotFound``, and ``NoResult``: ``NotDone`` or ``DidNotComplete``.
    """
    return read_result(get(job_id))


def cancel(job_id: str, *, kill: bool = False) -> State:
    """Cancel the job at once, whatever becomes of the current transaction.

    Returns CANCELLED, or RUNNING if its consumer was asked to stop; with ``kill`` it ends the
    process that runs a job which doesn't heed that. Raises ``JobNotFound``, or ``WrongState`` if
    it has ended.
    """
    who = current_owner().id
    return write(lambda connection: store.cancel(connection, job_id, by=who, kill=kill))


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
