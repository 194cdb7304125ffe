"""The headers of a job's request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coserver_consumer.errors import InvalidJob

# Copied from the queuing request: what ties the lines of several logs together.
COPIED = ("X-Request-Id", "Traceparent", "Tracestate")

# The consumer's own business, or a right that a job must not carry: it runs as its owner.
REFUSED = {
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
REFUSED_BEGINNING = ("x-task-", "x-forwarded-")


def to_headers(
    given: Mapping[str, Any] | None, request: Any, *, content_type: str | None
) -> dict[str, str]:
    """Return the headers: the few that are copied from ``request``, then those given.

    ``content_type`` belongs to a copied body. Raises ``InvalidJob`` for a header that a job
    can't have.
    """
    headers = {name: value for name in COPIED if (value := _get(request, name))}
    if content_type:
        headers["Content-Type"] = content_type
    for name, value in (given or {}).items():
        _check(name, str(value))
        headers[_spell(name)] = str(value)
    return headers


def _get(request: Any, name: str) -> str | None:
    return None if request is None else request.getHeader(name)


def _spell(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-"))


def _check(name: str, value: str) -> None:
    if name.lower() in REFUSED or name.lower().startswith(REFUSED_BEGINNING):
        raise InvalidJob(
            f"A job's request can't have the header {name}: the job runs as the user who queued "
            "it, and its consumer speaks for it. Leave the header out."
        )
    if any(character in name + value for character in "\r\n\0"):
        raise InvalidJob(f"The header {name!r} has a line break or a NUL character.")
