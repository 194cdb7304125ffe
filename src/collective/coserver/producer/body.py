"""The body of a job's request.

Nothing of the current request's body is copied unless somebody asks for it: a form holds passwords
and tokens, and would be kept for as long as the job is.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, BinaryIO

from coserver_consumer.model.errors import InvalidJob

METHODS = {"POST", "PUT", "PATCH"}  # of the requests that have a body


class Payload(Enum):
    """What may stand for a payload."""

    CURRENT = "the body of the current request"


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A body and, if it was copied, its media type."""

    content: bytes | None = None
    content_type: str | None = None


def to_body(payload: bytes | str | Payload | None, *, method: str, request: Any) -> Body:
    """Return the body for a job's request of that method.

    ``CURRENT`` copies the body of ``request``, if both have one; text is encoded as UTF-8.
    """
    if payload is Payload.CURRENT:
        has_body = method in METHODS and request is not None and request.method in METHODS
        return _copy(request) if has_body else Body()
    if isinstance(payload, str):
        payload = _encode(payload)
    if payload is not None and not isinstance(payload, bytes):
        raise InvalidJob(f"payload is bytes or text, not {type(payload).__name__}.")
    return Body(content=payload or None)


def _encode(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise InvalidJob("payload isn't text that UTF-8 can spell; pass bytes.") from None


def _copy(request: Any) -> Body:
    content = _read_again(request.stdin)
    return Body(
        content=content or None,
        content_type=request.environ.get("CONTENT_TYPE") if content else None,
    )


def _read_again(stream: BinaryIO) -> bytes:
    """Read the body from its beginning and leave the stream as it was.

    Zope's publisher goes back to the beginning for conflict retries, so the stream can.
    """
    place = stream.tell()
    stream.seek(0)
    try:
        return stream.read()
    finally:
        stream.seek(place)
