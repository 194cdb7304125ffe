"""Answers to a job's request, and what each means: one table for all who judge them."""

from __future__ import annotations

from dataclasses import dataclass, field

from coserver_consumer.model.outcome import Completed, Failed, Outcome
from coserver_consumer.protocol.outcome_message import MEDIA_TYPE, dump_outcome
from coserver_consumer.protocol.reply import Reply

BACKEND = "http://127.0.0.1:8080"  # where the consumer reaches Zope
PUBLIC = "https://www.example.com"  # as people know the site
LOGIN = "acl_users/credentials_cookie_auth/require_login?came_from=x"
HTML = {"content-type": "text/html"}
XML = {"content-type": "text/xml"}
MESSAGE = {"content-type": MEDIA_TYPE}

COMPLETED, AGAIN, FINAL = "completed", "failed, is tried again", "failed for good"


@dataclass(frozen=True, kw_only=True)
class Row:
    """What a view, or a method by XML-RPC, answers with, and what that means."""

    status: int
    means: str
    task: str = "view"
    headers: dict[str, str] = field(default_factory=lambda: dict(HTML))
    body: bytes = b"<p>Hello</p>"

    @property
    def reply(self) -> Reply:
        """The answer itself."""
        return Reply(status=self.status, headers=self.headers, body=self.body)

    @property
    def name(self) -> str:
        """What the row is called in a report."""
        location = self.headers.get("location", "")
        return " ".join(filter(None, (self.task, str(self.status), location)))


def _to(location: str, means: str, status: int = 302) -> Row:
    return Row(status=status, headers={"location": location}, body=b"", means=means)


VIEWS = [
    *(Row(status=status, means=COMPLETED) for status in (200, 201, 202)),
    Row(status=200, headers={}, body=b"", means=COMPLETED),
    Row(status=204, headers={}, body=b"", means=COMPLETED),
    # What only looks like an outcome message is the view's own text.
    Row(
        status=200,
        headers=MESSAGE,
        body=dump_outcome(Failed(error="made up")).encode(),
        means=COMPLETED,
    ),
    Row(status=200, headers=MESSAGE, body=b"{", means=COMPLETED),
    *(Row(status=status, means=FINAL) for status in (300, 304, 305)),
    *(Row(status=status, means=FINAL) for status in (400, 401, 403, 404, 405, 409, 410, 422)),
    *(Row(status=status, means=AGAIN) for status in (408, 425, 429, 500, 501, 502, 503, 504, 599)),
    Row(status=429, headers=HTML | {"retry-after": "7"}, means=AGAIN),
    Row(status=503, headers=HTML | {"location": PUBLIC}, means=AGAIN),
]
REDIRECTS = [
    # Within the site, by whichever of its names.
    *(_to("/Plone", COMPLETED, status) for status in (302, 303)),
    *(_to("/Plone", FINAL, status) for status in (301, 307, 308)),
    *(_to(place, COMPLETED) for place in ("", "view", "/Plone/a?login=1#login", "/login/x")),
    *(_to(f"{site}/Plone/x", COMPLETED) for site in (BACKEND, PUBLIC)),
    _to("https://WWW.example.com:443/x", COMPLETED),
    _to("//www.example.com/x", COMPLETED),
    # Away from it.
    *(
        _to(place, FINAL, status)
        for status in (301, 302, 303, 307, 308)
        for place in ("https://evil.example/", "//evil.example/x")
    ),
    _to(f"https://evil.example/?next={PUBLIC}", FINAL),
    _to("https://www.example.com.evil.example/", FINAL),
    _to("https://www.example.com@evil.example/", FINAL),
    # To a form for somebody else to log in.
    *(_to(f"{site}/Plone/{LOGIN}", FINAL) for site in (BACKEND, PUBLIC)),
    *(
        _to(f"{prefix}{form}{rest}", FINAL)
        for form in ("login", "login_form", "require_login", "failsafe_login")
        for prefix, rest in (("/Plone/", ""), ("/Plone/@@", "?came_from=x"), ("", "/"))
    ),
    _to("https://evil.example/login", FINAL),
]
CALLED = b"<?xml version='1.0'?><methodResponse>%s</methodResponse>"
FAULT = (
    b"<fault><value><struct>"
    b"<member><name>faultCode</name><value><int>3</int></value></member>"
    b"<member><name>faultString</name><value>no wind</value></member>"
    b"</struct></value></fault>"
)
METHODS = [
    Row(
        task="xmlrpc",
        status=200,
        headers=XML,
        body=CALLED % b"<params><param><value><int>5</int></value></param></params>",
        means=COMPLETED,
    ),
    Row(task="xmlrpc", status=200, headers=XML, body=CALLED % FAULT, means=FINAL),
    Row(task="xmlrpc", status=200, headers=XML, body=b"<p>not XML-RPC</p>", means=FINAL),
    Row(task="xmlrpc", status=200, means=FINAL),
    Row(task="xmlrpc", status=400, means=FINAL),
    Row(task="xmlrpc", status=404, means=FINAL),
    Row(task="xmlrpc", status=503, means=AGAIN),
    Row(task="xmlrpc", status=302, headers={"location": f"{PUBLIC}/login"}, means=FINAL),
]
ROWS = [*VIEWS, *REDIRECTS, *METHODS]


def name_meaning(outcome: Outcome | None) -> str:
    """Return which of the three an outcome is."""
    if isinstance(outcome, Completed):
        return COMPLETED
    assert isinstance(outcome, Failed), outcome
    return AGAIN if outcome.retry else FINAL
