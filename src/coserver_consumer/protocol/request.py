"""What a job asks of Zope: method, target, headers and body. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, TypeVar
from urllib.parse import quote, unquote, urlencode, urlsplit

from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.model.job import Job
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.protocol.headers import on_wire, read_headers, refuse_reserved

T = TypeVar("T")

USER_AGENT = f"collective.coserver/{version('collective.coserver')}"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
FORM_METHODS = frozenset({"POST", "PUT", "PATCH"})
FORM = "application/x-www-form-urlencoded"
PORTS = {"http": 80, "https": 443}
PATH_SAFE = "/@+:,;=~!$'()*&"  # RFC 3986's characters of a path
# Of address and headers: web servers take 256 KiB, and the token of a run repeats the address.
MAX_HEAD_BYTES = 65_536
HIDDEN = "_vh_"  # before a step that visitors see and Zope's folders don't have


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request; ``target`` is path and query, as the request line bears them."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes | None


def make_request(job: Job | NewJob) -> Request:
    """Return the request of a view's job; raise ``InvalidJob`` naming the argument that is wrong.

    The job's path is quoted, so that its first ``?`` is where the query begins.
    """
    method = _find(job.args, "method", str, "GET").upper()
    if method not in METHODS:
        raise InvalidJob(f"Method {method!r} is none of {', '.join(sorted(METHODS))}.")
    quoted, _, query = _find_path(job.args).partition("?")
    path = unquote(quoted)
    params = urlencode(_find(job.args, "params", dict, {}), doseq=True)
    headers = _given_headers(_find(job.args, "headers", dict, {}))
    body = job.payload
    if params and method in FORM_METHODS and body is None:
        body = params.encode("ascii")
        headers["Content-Type"] = FORM
    else:
        query = "&".join(filter(None, [query, params]))
    target = quote(through_virtual_host(path, job.origin), safe=PATH_SAFE)
    if query:
        target += f"?{_quote_query(query)}"
    _check_head(target, headers)
    return Request(method=method, target=target, headers=headers | _headers_of(job), body=body)


def _check_head(target: str, headers: Mapping[str, str]) -> None:
    size = len(target) + sum(len(name) + len(value) for name, value in headers.items())
    if size > MAX_HEAD_BYTES:
        raise InvalidJob(
            f"The address and headers of the job's request have {size} bytes; the limit is "
            f"{MAX_HEAD_BYTES}. Send parameters with the method POST, which puts them into the "
            "body, or pass the path or UID of what holds the data."
        )


def _quote_query(query: str) -> str:
    """Return a query as it goes over the wire: the run's token names it to the letter."""
    escaped = re.sub("%([0-9A-Fa-f]{2})?", lambda at: at[0].upper() if at[1] else "%25", query)
    return quote(escaped, safe=PATH_SAFE + "?%")


def _find_path(args: Mapping[str, Any]) -> str:
    path = _find(args, "path", str, "")
    if not path.startswith("/") or path.startswith("//"):
        raise InvalidJob(f"The path {path!r} isn't a physical path, such as /Plone/news/@@import.")
    return path


def _find(args: Mapping[str, Any], name: str, kind: type[T], default: T) -> T:
    value = args.get(name)
    if value is None:
        return default
    if not isinstance(value, kind):
        raise InvalidJob(
            f"The argument '{name}' is of type {type(value).__name__}, wanted {kind.__name__}."
        )
    return value


def _given_headers(headers: Mapping[str, Any]) -> dict[str, str]:
    refuse_reserved(headers)
    return {name: on_wire(value) for name, value in read_headers(headers).items()}


def _headers_of(job: Job | NewJob) -> dict[str, str]:
    """Return the headers that say which job it is; ``X-Task-...`` as collective.taskqueue did."""
    headers = {
        "User-Agent": USER_AGENT,
        "X-Task-Id": job.id,
        "X-Task-Queue": on_wire(job.queue),
    }
    if job.owner is not None:
        headers["X-Task-User-Id"] = on_wire(job.owner)
    language = (job.origin or {}).get("language")
    return headers | ({"Accept-Language": language} if language else {})


def public_host(address: str | None, root: str | None) -> dict[str, Any]:
    """Return of an origin what makes links begin with the address, whose root is that path.

    Without an address they begin with the one at which the consumer reaches Zope.
    """
    if address is None:
        return {"server_url": "", "root": "", "prefix": []}
    parts = urlsplit(address)
    return {
        "server_url": f"{parts.scheme}://{parts.netloc}",
        "root": root or "",
        "prefix": [f"{HIDDEN}{name}" for name in parts.path.split("/") if name],
    }


def through_virtual_host(path: str, origin: Mapping[str, Any] | None) -> str:
    """Return the path that makes Zope build the links of the queuing request.

    Zope's VirtualHostMonster: /VirtualHostBase/scheme/host:port/root/VirtualHostRoot/_vh_x/rest.
    A path that isn't below the virtual root is reached from Zope's root, and the add-on sets the
    virtual root once Zope is there.
    """
    server = urlsplit((origin or {}).get("server_url") or "")
    if not origin or not server.hostname:
        return path
    root = (origin.get("root") or "").rstrip("/")
    if path != root and not path.startswith(root + "/"):
        root = ""
    host = f"[{server.hostname}]" if ":" in server.hostname else server.hostname
    base = f"/VirtualHostBase/{server.scheme}/{host}:{server.port or PORTS[server.scheme]}{root}"
    prefix = "".join(f"/{part}" for part in origin.get("prefix") or ())
    return f"{base}/VirtualHostRoot{prefix}{path.removeprefix(root) or '/'}"
