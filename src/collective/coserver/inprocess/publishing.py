"""A job's request, handed to Zope's publisher in this thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from typing import Any
from urllib.parse import unquote, urlsplit

from AccessControl import getSecurityManager
from AccessControl.SecurityManagement import setSecurityManager
from zope.component.hooks import getSite, setSite
from zope.globalrequest import getRequest, setRequest
from ZPublisher.httpexceptions import HTTPExceptionHandler
from ZPublisher.WSGIPublisher import publish_module

from collective.coserver.settings import get_settings
from coserver_consumer.current_job import CurrentJob
from coserver_consumer.job import Job
from coserver_consumer.outcome import Outcome
from coserver_consumer.reply import Reply, conclude_zope
from coserver_consumer.signing import make_token
from coserver_consumer.tasks.call import as_request
from coserver_consumer.transports.target import Target, make_target

PORTS = {"http": 80, "https": 443}
LIFETIME = 3600  # seconds of a token: a debugger may stand in the job


def run_view(current: CurrentJob) -> Outcome:
    """Run a job of the task ``view``."""
    return _send(current.job)


def run_call(current: CurrentJob) -> Outcome:
    """Run a job of the task ``call``."""
    return _send(as_request(current.job))


def _send(job: Job) -> Outcome:
    """Have Zope run the job, and return what its answer means."""
    target = _find_target(job)
    url = urlsplit((job.origin or {}).get("server_url") or "http://localhost")
    with _keeping_state():
        reply = _publish(_make_environ(job, target, url.scheme, url.hostname, url.port))
    return conclude_zope(
        reply,
        request=job.name,
        hosts=frozenset({url.hostname or ""}),
        limit=get_settings().max_result,
    )


def _find_target(job: Job) -> Target:
    """Return the request without a virtual host: a test's Zope needn't have one."""
    return make_target(replace(job, origin={**(job.origin or {}), "server_url": ""}))


def _make_environ(
    job: Job, target: Target, scheme: str, host: str | None, port: int | None
) -> dict[str, Any]:
    """Return the WSGI environment (PEP 3333) of the job's request, with the token of its run."""
    path, _, query = target.target.partition("?")
    token = make_token(
        job.key,
        method=target.method,
        target=target.target,
        secret=get_settings().secret_text,
        lifetime=LIFETIME,
    )
    headers = {name.upper().replace("-", "_"): value for name, value in target.headers.items()}
    return {
        "REQUEST_METHOD": target.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(path, "latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": host or "localhost",
        "SERVER_PORT": str(port or PORTS[scheme]),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": str(len(target.body or b"")),
        "CONTENT_TYPE": headers.pop("CONTENT_TYPE", ""),
        "HTTP_AUTHORIZATION": f"Coserver {token}",
        "wsgi.url_scheme": scheme,
        "wsgi.input": BytesIO(target.body or b""),
        **{f"HTTP_{name}": value for name, value in headers.items()},
    }


def _publish(environ: dict[str, Any]) -> Reply:
    said: dict[str, Any] = {}

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        said["status"] = int(status.split(maxsplit=1)[0])
        said["headers"] = {name.lower(): value for name, value in headers}

    body = b"".join(HTTPExceptionHandler(publish_module)(environ, start_response))
    return Reply(status=said["status"], headers=said["headers"], body=body)


@contextmanager
def _keeping_state() -> Iterator[None]:
    """Give the thread its user, site and request back: the publisher leaves none of them."""
    user, site, request = getSecurityManager(), getSite(), getRequest()
    try:
        yield
    finally:
        setSecurityManager(user)
        setSite(site)
        setRequest(request)
