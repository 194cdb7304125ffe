"""The headers of a request that a job makes: which it may have, and how they are spelled. Pure.

No error message repeats a header's value: it may be a key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from coserver_consumer.model.errors import InvalidJob

NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # RFC 9110, 5.5: all but the tab
# Only the consumer sends these to Zope: the connection is its own, and a job runs as its owner, in
# the language in which it was queued.
RESERVED = frozenset(
    {
        "accept-language",
        "authorization",
        "connection",
        "content-length",
        "cookie",
        "expect",
        "forwarded",
        "host",
        "keep-alive",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    }
)
RESERVED_BEGINNINGS = ("x-task-", "x-forwarded-")


def read_headers(given: Mapping[str, Any]) -> dict[str, str]:
    """Return headers as text; raise ``InvalidJob`` naming one that can't be sent.

    ``True`` is written ``true``, as collective.taskqueue did.
    """
    return {_read_name(name): _read_value(name, value) for name, value in given.items()}


def refuse_reserved(names: Mapping[str, Any]) -> None:
    """Raise ``InvalidJob`` for a header that only the consumer may send to Zope."""
    for name in names:
        if name.lower() in RESERVED or name.lower().startswith(RESERVED_BEGINNINGS):
            raise InvalidJob(
                f"A job's request can't have the header {name}: the job runs as the user who "
                "queued it, in the language of that request, and its consumer speaks for it. "
                "Leave the header out."
            )


def on_wire(text: str) -> str:
    """Spell text so that http.client, which writes headers as Latin-1, writes UTF-8."""
    return text.encode("utf-8").decode("latin-1")


def _read_name(name: Any) -> str:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise InvalidJob("What is given as the name of a header has characters that none can have.")
    return name


def _read_value(name: str, value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "surrogateescape")
    try:
        text = str(value).lower() if isinstance(value, bool) else str(value)
    except Exception:  # noqa: BLE001  it is anybody's code, or a number of too many digits
        raise InvalidJob(f"The value of the header {name} can't be written as text.") from None
    if CONTROL.search(text):
        raise InvalidJob(f"The header {name} has a line break or another control character.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidJob(f"The header {name} isn't text that UTF-8 can spell.") from None
    return text
