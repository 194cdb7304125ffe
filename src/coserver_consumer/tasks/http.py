"""The task ``http``: the consumer calls a URL that is on the allow-list."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode, urljoin

from urllib3.util import Url

from coserver_consumer.model.current_job import CurrentJob
from coserver_consumer.model.errors import ConfigurationError, InvalidJob
from coserver_consumer.model.outcome import Failed, Outcome
from coserver_consumer.protocol.headers import on_wire, read_headers
from coserver_consumer.protocol.reply import REDIRECTS, Reply, judge_status
from coserver_consumer.tasks.allow_list import AllowList
from coserver_consumer.tasks.context import TaskContext
from coserver_consumer.zope.http_pool import HttpPool

ARGUMENTS = frozenset({"url", "method", "params", "headers", "json", "body"})
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
MAX_REDIRECTS = 5
MIN_TIMEOUT_S = 0.001  # of a request after redirects that have taken all the time
KEEPS_METHOD = frozenset({307, 308})  # RFC 9110, 15.4: the others are followed by a GET
# The headers that a redirect takes to another host: none of them is ever a key.
HARMLESS_HEADERS = frozenset(
    {
        "accept",
        "accept-charset",
        "accept-encoding",
        "accept-language",
        "content-encoding",
        "content-language",
        "content-type",
        "user-agent",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One request to be made."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None


class Http:
    """Arguments: ``url``, ``method``, ``params``, ``headers``, and ``json`` or ``body`` (text).

    The job's payload is the body if neither is given. Redirects are followed as long as they stay
    on the list. The result is the answer's status, content type and text. Without a list the task
    is off: its jobs wait for a consumer that has one.
    """

    def __init__(self, context: TaskContext) -> None:
        settings = context.settings
        if not settings.http_allow:
            raise ConfigurationError(
                "Setting 'http_allow' is missing: name the hosts, or the beginnings of URLs, that "
                "jobs may call."
            )
        self._allowed = AllowList(settings.http_allow)
        self._timeout = settings.http_timeout
        self._limit = settings.max_result
        self._pool = HttpPool(size=settings.threads, max_body=settings.max_result)

    def run(self, job: CurrentJob) -> Outcome:
        """Call the URL and return what its answer means."""
        request = to_request(job.args, job.payload)
        end = time.monotonic() + (job.job.timeout or self._timeout)
        for _ in range(MAX_REDIRECTS + 1):
            url = self._allowed.check(request.url)
            name = f"{request.method} {url.scheme}://{url.netloc}{url.path or '/'}"
            reply = self._pool.ask(
                request.method,
                url.url,
                name=name,
                headers=request.headers,
                body=request.body,
                timeout=max(end - time.monotonic(), MIN_TIMEOUT_S),
            )
            if reply.status not in REDIRECTS or "location" not in reply.headers:
                return judge_status(reply, name=name, limit=self._limit)
            request = follow(request, url, reply)
        return Failed(error=f"{name} led to more than {MAX_REDIRECTS} redirects.", retry=False)


def to_request(args: Mapping[str, Any], payload: bytes | None) -> HttpRequest:
    """Return the request that a job's arguments describe; raise ``InvalidJob`` if they don't."""
    unknown = set(args) - ARGUMENTS
    if unknown:
        raise InvalidJob(
            f"Task 'http' doesn't know {', '.join(sorted(unknown))}; "
            f"it takes {', '.join(sorted(ARGUMENTS))}."
        )
    method = str(args.get("method") or "GET").upper()
    if method not in METHODS:
        raise InvalidJob(f"Method {method!r} is none of {', '.join(sorted(METHODS))}.")
    url, params, headers = args.get("url"), args.get("params") or {}, args.get("headers") or {}
    if not isinstance(url, str) or not isinstance(params, dict) or not isinstance(headers, dict):
        raise InvalidJob("Task 'http' wants 'url' as text, 'params' and 'headers' as mappings.")
    if params:
        url += ("&" if "?" in url else "?") + urlencode(params, doseq=True)
    body, content_type = _find_body(args, payload)
    return HttpRequest(method=method, url=url, headers=content_type | _clean(headers), body=body)


def follow(request: HttpRequest, url: Url, reply: Reply) -> HttpRequest:
    """Return the request that a redirect asks for; only harmless headers go to another host.

    Others may hold a key: each server has its own name for that (X-Api-Key, Private-Token, ...).
    """
    target = urljoin(url.url, reply.headers["location"])
    here, there = _origin(url.url), _origin(target)
    headers = {
        name: value
        for name, value in request.headers.items()
        if here == there or name.lower() in HARMLESS_HEADERS
    }
    if reply.status in KEEPS_METHOD or request.method == "HEAD":
        return replace(request, url=target, headers=headers)
    return HttpRequest(method="GET", url=target, headers=_without_body(headers), body=None)


def _find_body(
    args: Mapping[str, Any], payload: bytes | None
) -> tuple[bytes | None, dict[str, str]]:
    """Return the body and the headers that describe it."""
    if "json" in args:
        return json.dumps(args["json"]).encode(), {"Content-Type": "application/json"}
    if args.get("body") is not None:
        return str(args["body"]).encode(), {"Content-Type": "text/plain; charset=utf-8"}
    return payload, {}


def _clean(headers: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers without those that describe the connection."""
    connection = {"host", "connection", "content-length", "transfer-encoding", "expect"}
    return {
        name: on_wire(value)
        for name, value in read_headers(headers).items()
        if name.lower() not in connection
    }


def _without_body(headers: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value for name, value in headers.items() if not name.lower().startswith("content-")
    }


def _origin(address: str) -> str:
    return "/".join(address.split("/", 3)[:3]).lower()
