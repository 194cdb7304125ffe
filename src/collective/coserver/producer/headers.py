"""The headers of a job's request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.protocol.headers import read_headers, refuse_reserved

# Copied from the queuing request: what ties the lines of several logs together.
COPIED = ("X-Request-Id", "Traceparent", "Tracestate")


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
    if given is not None and not isinstance(given, Mapping):
        raise InvalidJob(
            f"headers is of type {type(given).__name__}, wanted a mapping of names and values."
        )
    said = read_headers(given or {})
    refuse_reserved(said)
    return headers | {_spell(name): value for name, value in said.items()}


def _get(request: Any, name: str) -> str | None:
    return None if request is None else request.getHeader(name)


def _spell(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-"))
