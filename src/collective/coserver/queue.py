"""Queue jobs in the current transaction, and look after them.

``from collective.coserver import queue``
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Unpack

from zope.globalrequest import getRequest

from collective.coserver.functions import eager
from collective.coserver.functions.advice import refuse_code
from collective.coserver.identity.owner import find_user
from collective.coserver.management.jobs import cancel, get, move, result, retry, set_priority
from collective.coserver.management.many import (
    EVERY_SITE,
    cancel_many,
    count,
    find,
    move_many,
    retry_many,
    set_priority_many,
)
from collective.coserver.management.waiting import wait, wait_many
from collective.coserver.pas.login import require_login
from collective.coserver.producer.body import Payload, to_body
from collective.coserver.producer.enqueue import Work, enlist, enlist_all, make
from collective.coserver.producer.eta import with_moment
from collective.coserver.producer.form import read_limit, too_long
from collective.coserver.producer.headers import to_headers
from collective.coserver.producer.parameters import to_parameters
from collective.coserver.producer.path import to_title
from collective.coserver.producer.target import to_aim
from coserver_consumer.model import workflow
from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.model.exception_text import brief
from coserver_consumer.model.job import State
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.options import Options, OptionsBesideQueue, read_options, refuse_moot
from coserver_consumer.model.value_types import Span
from coserver_consumer.model.workflow import Group
from coserver_consumer.protocol.answer import XML_RPC
from coserver_consumer.protocol.codec import encode
from coserver_consumer.protocol.xmlrpc_message import write_call

__all__ = [
    "CURRENT",
    "EVERY_SITE",
    "METHODS",
    "add",
    "add_xmlrpc",
    "cancel",
    "cancel_many",
    "chain",
    "count",
    "find",
    "get",
    "group",
    "job",
    "move",
    "move_many",
    "result",
    "retry",
    "retry_many",
    "run_until_empty",
    "set_priority",
    "set_priority_many",
    "wait",
    "wait_many",
]

CURRENT = Payload.CURRENT  # for ``payload``: the body of the current request
METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")


def add(  # noqa: PLR0917  collective.taskqueue has these positions
    url: Any,
    method: str | None = "GET",
    params: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None,
    headers: Mapping[str, Any] | None = None,
    payload: bytes | str | Payload | None = None,
    queue: str | None = None,
    *,
    view: str | None = None,
    **options: Unpack[OptionsBesideQueue],
) -> str:
    """Queue a request of a view with the current transaction; return the job's id.

    ``url`` is a path from Zope's root, an object or an entry of the catalog, ``view`` the name of
    its view. ``params`` are a mapping or pairs of names and values, ``headers`` a mapping.
    ``payload`` is the body: bytes, text, or ``CURRENT`` for that of the current request. ``queue``
    and the other options are those of ``coserver_consumer.model.options.JobOptions``. The job runs
    as the user who is logged in now, once the transaction has committed.

    Raises ``AddError`` for what can't be queued, ``ConfigurationError``, ``StoreError``.
    """
    made = job(url, method, params, headers, payload, queue, view=view, **options)
    refuse_moot(made.options)
    return enlist(made)


def job(  # noqa: PLR0917  see add
    url: Any,
    method: str | None = "GET",
    params: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None,
    headers: Mapping[str, Any] | None = None,
    payload: bytes | str | Payload | None = None,
    queue: str | None = None,
    *,
    view: str | None = None,
    **options: Unpack[OptionsBesideQueue],
) -> NewJob:
    """Return the job that ``add`` would queue, for ``chain`` and ``group``; raise as ``add``."""
    request = getRequest()
    method = _to_method(method)
    refuse_code(url)
    aim = to_aim(url, view)
    body = to_body(payload, method=method, request=request)
    more = {
        "method": method,
        "params": to_parameters(params),
        "headers": to_headers(headers, request, content_type=body.content_type),
    }

    def write(aimed: dict[str, Any]) -> Work:
        return Work(
            task="view", args=aimed | more, title=to_title(aimed["path"]), payload=body.content
        )

    work = replace(write(aim.args), settle=lambda: write(aim.settle()))
    said = read_options(with_moment({"queue": queue, **options}))
    return make(work, said, owner=require_login(find_user()), site=aim.site, request=request)


def add_xmlrpc(url: Any, method: str, args: Sequence[Any] = (), **options: Unpack[Options]) -> str:
    """Queue the call of a method through Zope's XML-RPC; return the job's id.

    ``url`` is a path from Zope's root or an object, ``options`` are those of ``add``. ``result``
    gives what the method returned. XML-RPC must be on in the Zope that runs the job:
    ``enable-xmlrpc on`` in zope.conf. Raises as ``add`` does.
    """
    refuse_code(url)
    if not isinstance(args, list | tuple):
        raise InvalidJob(f"args is {brief(args)}, wanted a list of the method's arguments.")
    aim = to_aim(url, None)
    more = {"method": method, "args": encode([*args], name=f"The arguments of {brief(method)}")}
    size = len(write_call(method, args))  # raises for what XML-RPC can't bear
    if size > read_limit():
        raise too_long("a call by XML-RPC", size)

    def write(aimed: dict[str, Any]) -> Work:
        return Work(task=XML_RPC, args=aimed | more, title=f"{to_title(aimed['path'])} {method}")

    work = replace(write(aim.args), settle=lambda: write(aim.settle()))
    said = read_options(with_moment(options))
    refuse_moot(said)
    return enlist(
        make(work, said, owner=require_login(find_user()), site=aim.site, request=getRequest())
    )


def chain(jobs: Iterable[NewJob], *, accepts_failure: bool = False) -> list[str]:
    """Queue jobs that run one after another, with the current transaction; return their ids.

    ``jobs`` come from ``job`` or from the ``job`` of a task. A failed one blocks those behind it
    until it was run again and completed, or, with ``accepts_failure``, they go on. Raises
    ``AddError``.
    """
    return _queue(workflow.chain(jobs, accepts_failure=accepts_failure))


def group(
    jobs: Iterable[NewJob],
    *,
    on_success: NewJob | None = None,
    on_failure: NewJob | None = None,
    serial: bool = False,
) -> Group:
    """Queue jobs and what follows all of them, with the current transaction; return them.

    ``on_success`` runs once all are completed. ``on_failure`` runs once all have ended, if one has
    failed, expired or was cancelled. With ``serial`` they run one after another. Raises
    ``AddError``.
    """
    made = workflow.group(jobs, on_success=on_success, on_failure=on_failure, serial=serial)
    _queue(made.jobs)
    return made


def _queue(jobs: Sequence[NewJob]) -> list[str]:
    if calls := eager.current():
        return calls.make_all(jobs)
    return enlist_all(jobs)


def run_until_empty(
    *,
    queues: str | Iterable[str] | None = None,
    tasks: str | Iterable[str] | None = None,
    scheduled: bool = False,
    timeout: Span | None = None,
    max_attempts: int | None = None,
) -> dict[State, int]:
    """Run jobs in this thread, one after another, until none is ready that could begin.

    For scripts. By default those of all ``queues``, and of the ``tasks`` that Zope runs. With
    ``scheduled`` what is due later is waited for, too. No attempt begins once ``timeout`` seconds
    are over, or ``max_attempts`` were made. Afterwards another transaction has begun.

    Returns how many of the jobs that were run are in which state now. Raises ``NotCommitted`` in a
    request, and in a transaction with changes; ``UnknownQueue``, ``UnknownTask``, ``InvalidJob``,
    ``ConfigurationError``, ``StoreUnavailable``.
    """
    # It brings all that a consumer is made of, which no other process of Zope needs.
    from collective.coserver.inline import until_empty

    return until_empty.run_until_empty(
        queues=queues,
        tasks=tasks,
        scheduled=scheduled,
        timeout=timeout,
        max_attempts=max_attempts,
    )


def _to_method(name: Any) -> str:
    method = "GET" if name is None else name
    if not isinstance(method, str) or method.upper() not in METHODS:
        raise InvalidJob(f"method is {brief(name)}, wanted one of {', '.join(METHODS)}.")
    return method.upper()
