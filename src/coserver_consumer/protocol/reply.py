"""What an HTTP answer means for the attempt that asked."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from coserver_consumer.model.outcome import Completed, Failed

REDIRECTS = frozenset({301, 302, 303, 307, 308})
# The next attempt may succeed: RFC 9110, RFC 8470 (425), RFC 6585 (429).
PASSING = frozenset({408, 425, 429})
MAX_RETRY_AFTER_S = 86_400.0  # one of years isn't heeded
TEXT_TYPES = ("text/", "application/json", "application/xml", "application/xhtml")
EXCERPT_CHARS = 2_000  # of an error page


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer. Names of ``headers`` are in lower case; ``body`` may be cut (``is_cut``)."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_cut: bool = False

    @property
    def content_type(self) -> str:
        """The media type with its parameters, empty if none was given."""
        return self.headers.get("content-type", "")

    @property
    def is_text(self) -> bool:
        """True if the body is worth keeping: people can read it, or it is JSON."""
        return self.content_type.startswith(TEXT_TYPES) or "+json" in self.content_type

    @property
    def text(self) -> str:
        """The body as text, without bytes that are none and NUL, which PostgreSQL can't hold."""
        header = Message()
        header["content-type"] = self.content_type or "text/plain"
        charset = str(header.get_param("charset", "utf-8"))
        try:
            text = self.body.decode(charset, "replace")
        except LookupError:
            text = self.body.decode("utf-8", "replace")
        return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def judge_status(reply: Reply, *, name: str, limit: int) -> Completed | Failed:
    """Return what an answer means by its status; a redirect is no success.

    ``name`` is what people call the request; ``limit`` is the size of the result as JSON.
    """
    if HTTPStatus.OK <= reply.status < HTTPStatus.MULTIPLE_CHOICES:
        return Completed(result=make_result(reply, limit=limit))
    is_passing = reply.status in PASSING or reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return Failed(
        error=_describe(reply, name),
        traceback=reply.text[:EXCERPT_CHARS] or None if reply.is_text else None,
        retry=is_passing,
        retry_after=find_retry_after(reply, now=time.time()) if is_passing else None,
    )


def make_result(reply: Reply, *, limit: int) -> dict[str, Any]:
    """Return an answer as a job's result: at most ``limit`` characters of JSON.

    ``body`` is text, cut to what fits (then ``is_cut`` is there), or None for other media types.
    """
    result: dict[str, Any] = {
        "status": reply.status,
        "content_type": reply.content_type[:200],
        "body": reply.text if reply.is_text else None,
    }
    if reply.is_cut:
        result["is_cut"] = True
    while result["body"] and (size := len(json.dumps(result))) > limit:
        body = result["body"]
        keep = len(body) - 1 - (size - limit) * len(body) // size
        result |= {"body": body[: max(keep, 0)], "is_cut": True}
    return result


def find_retry_after(reply: Reply, *, now: float) -> float | None:
    """Return the seconds of a Retry-After header, which holds seconds or a date; None if none."""
    said = reply.headers.get("retry-after", "").strip()
    if said.isdecimal():
        return min(float(said), MAX_RETRY_AFTER_S)
    try:
        wait = parsedate_to_datetime(said).timestamp() - now
    except ValueError:
        return None
    return min(max(wait, 0.0), MAX_RETRY_AFTER_S)


def _describe(reply: Reply, name: str) -> str:
    """Return the status in words, with the reason if the body is one line of plain text."""
    try:
        phrase = f" {HTTPStatus(reply.status).phrase}"
    except ValueError:
        phrase = ""
    text = reply.text.strip() if reply.content_type.startswith("text/plain") else ""
    reason = f": {text}" if text and "\n" not in text and len(text) < EXCERPT_CHARS else ""
    return f"{name} was answered {reply.status}{phrase}{reason}"
