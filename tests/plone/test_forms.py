"""What is sent as a form can be read by Zope, which has a limit of its own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
import transaction
from ZPublisher import HTTPRequest

from collective.coserver import queue
from coserver_consumer.errors import InvalidJob
from support.jobs import Jobs
from tests.plone.instance import Instance

PATH = "/plone/@@test-tell-anywhere"
LIMIT = 2_000  # bytes of a form that Zope reads, in these tests


def form(size: int) -> dict[str, Any]:
    """Return what says to send a form of that size, which is quoted: as JSON it is shorter."""
    return {"params": {"text": "\n" * ((size - 5) // 3) + "x" * ((size - 5) % 3)}}


def body(kind: str | None, *, start: str = "text=", end: str = "") -> Callable[[int], dict]:
    """Return what makes a payload of a media type and a size."""
    headers = {} if kind is None else {"Content-Type": kind}
    return lambda size: {"payload": start.ljust(size - len(end), "x") + end, "headers": headers}


PART = '--b\r\nContent-Disposition: form-data; name="text"{}\r\n\r\n'
MULTIPART = "multipart/form-data; boundary=b"
BODIES = {
    "parameters": form,
    "without a media type": body(None),
    "a form": body("application/x-www-form-urlencoded"),
    "another form": body("Application/X-Url-Encoded; charset=utf-8"),
    "JSON": body("application/json", start="{"),
    "bytes": body("application/octet-stream"),
    "a field of many": body(MULTIPART, start=PART.format(""), end="\r\n--b--\r\n"),
    "a file": body(MULTIPART, start=PART.format('; filename="a"'), end="\r\n--b--\r\n"),
    "half a file": body(MULTIPART, start=PART.format('; filename="a"')),
}


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("size", [LIMIT, LIMIT + 1])
@pytest.mark.parametrize("kind", BODIES)
def test_a_form_is_queued_if_and_only_if_zope_can_read_it(
    instance: Instance, monkeypatch: pytest.MonkeyPatch, kind: str, size: int, method: str
) -> None:
    """Else its attempts would fail for good, with 400."""
    said = {"method": method, **BODIES[kind](size)}
    with monkeypatch.context() as later:
        later.setattr("collective.coserver.producer.enqueue.require_readable", lambda target: None)
        queue.add(PATH, **said)
    transaction.commit()
    monkeypatch.setattr(HTTPRequest, "FORM_MEMORY_LIMIT", LIMIT)
    is_read = instance.run(instance.claim()).status_code == 200
    with nullcontext() if is_read else pytest.raises(InvalidJob, match="pass the path or UID of"):
        queue.add(PATH, **said)


def test_a_form_that_is_too_long_is_refused_with_the_figures(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And with what to do."""
    monkeypatch.setattr(HTTPRequest, "FORM_MEMORY_LIMIT", LIMIT)
    queue.add(PATH, method="POST", payload=b"x" * 3000, headers={"Content-Type": "text/csv"})
    with pytest.raises(InvalidJob) as refused:
        queue.add(PATH, method="POST", params={"text": "\n" * 1000})
    for said in ("3005 bytes", "at most 2000 ", "form-memory-limit", "as payload= with a media"):
        assert said in str(refused.value)


def test_a_call_of_xml_rpc_is_refused_if_zope_can_not_read_it(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Zope has the same limit for it."""
    monkeypatch.setattr(HTTPRequest, "FORM_MEMORY_LIMIT", LIMIT)
    queue.add_xmlrpc("/plone", "title", ["x" * 1000])
    with pytest.raises(InvalidJob, match=r"have \d{4} bytes, as a call.* 2000 .*form-memory-limit"):
        queue.add_xmlrpc("/plone", "title", ["x" * 2000])


def test_a_form_of_zope_s_own_limit_can_be_queued(instance: Instance) -> None:
    """Quoting makes it three times as long as the parameters."""
    queue.add(PATH, method="POST", params={"text": "\n" * 340_000})
    with pytest.raises(InvalidJob, match=r"1050005 bytes.* 1048576 "):
        queue.add(PATH, method="POST", params={"text": "\n" * 350_000})
