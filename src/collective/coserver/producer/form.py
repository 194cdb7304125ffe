"""Whether Zope can read what a job sends: forms are read into memory, so Zope limits their size."""

from __future__ import annotations

from io import BytesIO

from ZPublisher import HTTPRequest

from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.model.exception_text import describe
from coserver_consumer.protocol.request import FORM_METHODS, Request

# What Zope takes for a form whose fields are in one line; also a body of which nothing is said.
LINES = ("", "application/x-www-form-urlencoded", "application/x-url-encoded")
PARTS = "multipart/form-data"
INSTEAD = "pass the path or UID of what holds the data"


def require_readable(request: Request) -> None:
    """Raise ``InvalidJob`` for a form that Zope would answer with 400, in each attempt."""
    if request.body is None or request.method not in FORM_METHODS:
        return
    said = next((v for name, v in request.headers.items() if name.lower() == "content-type"), "")
    kind = said.partition(";")[0].strip().lower()
    if kind in LINES and len(request.body) > read_limit():
        what = f"a form ({kind})" if kind else "a body without a media type, which is a form"
        raise too_long(what, len(request.body))
    if kind == PARTS and (fault := _find_fault(request, said)):
        raise InvalidJob(f"Zope can't read the payload as {kind}: {fault}. Mend it, or {INSTEAD}.")


def read_limit() -> int:
    """Return how many bytes of a form Zope reads; its start sets it by zope.conf."""
    limit: int = HTTPRequest.FORM_MEMORY_LIMIT
    return limit


def too_long(what: str, size: int) -> InvalidJob:
    """Return the error that says what is too long, and what to do."""
    return InvalidJob(
        f"The job's request would have {size} bytes, as {what}; Zope reads at most {read_limit()} "
        "of one (form-memory-limit in <dos_protection> of zope.conf). Pass the data as payload= "
        "with a media type of its own, such as headers={'Content-Type': 'application/json'}, or "
        f"{INSTEAD}."
    )


def _find_fault(request: Request, kind: str) -> str | None:
    """Return what Zope says of a form in parts, whose files it keeps on disk; None if it reads."""
    try:
        HTTPRequest.ZopeFieldStorage(
            BytesIO(request.body or b""), {"REQUEST_METHOD": request.method, "CONTENT_TYPE": kind}
        )
    except Exception as error:  # noqa: BLE001  whatever it is, it would be the attempt's
        return describe(error)
    return None
