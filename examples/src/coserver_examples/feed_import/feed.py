"""A feed: fetched by its address, read as entries."""

from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus

import feedparser
import urllib3

TIMEOUT = urllib3.Timeout(connect=5, read=30)
MAX_BYTES = 5 * 1024 * 1024


class FeedError(Exception):
    """The feed can't be had or read; the text says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of a feed. ``html`` comes from outside: show it through a safe transform."""

    id: str
    title: str
    html: str

    @property
    def name(self) -> str:
        """A short name for the URL that is the same whenever the entry's id is the same."""
        return f"entry-{sha256(self.id.encode()).hexdigest()[:16]}"


def fetch(url: str) -> bytes:
    """Return the feed's bytes; raise ``FeedError`` if the server doesn't give them."""
    try:
        with urllib3.request(
            "GET", url, timeout=TIMEOUT, retries=False, preload_content=False
        ) as response:
            return _read(url, response)
    except urllib3.exceptions.HTTPError as error:
        raise FeedError(f"{url} can't be read: {error}") from error


def _read(url: str, response: urllib3.BaseHTTPResponse) -> bytes:
    if response.status != HTTPStatus.OK:
        raise FeedError(f"{url} answers with status {response.status}.")
    body = response.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise FeedError(f"{url} has more than {MAX_BYTES} bytes.")
    return body


def parse(body: bytes) -> list[Entry]:
    """Return the entries of an RSS or Atom feed that have an id or a link."""
    parsed = feedparser.parse(body)
    if not parsed.version:
        raise FeedError("What was fetched is no RSS or Atom feed.")
    entries = [_read_entry(found) for found in parsed.entries]
    return [entry for entry in entries if entry.id]


def _read_entry(found: feedparser.FeedParserDict) -> Entry:
    id_ = found.get("id") or found.get("link", "")
    return Entry(id=id_, title=found.get("title", id_), html=found.get("summary", ""))
