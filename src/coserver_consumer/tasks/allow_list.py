"""Which addresses the ``http`` task may call. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from coserver_consumer.model.errors import ConfigurationError, InvalidJob

PORTS = {"http": 80, "https": 443}
MOST_DECODINGS = 8
# What isn't UTF-8, but old decoders took for a dot or a slash: C0 AE, E0 80 AE, F0 80 80 AE, ...
OVERLONG = re.compile("[\udcc0\udcc1][\udc80-\udcbf]|\udce0[\udc80-\udc9f]|\udcf0[\udc80-\udc8f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry: a host (on its usual ports), a host with a port, or the beginning of a URL."""

    host: str
    port: int | None
    scheme: str | None
    path: str

    def allows(self, url: Url) -> bool:
        """Return True if the URL is below this entry."""
        scheme = url.scheme or ""
        usual = PORTS[scheme]
        port = url.port or usual
        return (
            url.host == self.host
            and port == (self.port or usual)
            and self.scheme in (None, scheme)
            and _is_below(url.path or "/", self.path)
        )


class AllowList:
    """The entries of the setting ``http_allow``."""

    def __init__(self, entries: Iterable[str]) -> None:
        self._texts = tuple(entries)
        self._entries = tuple(_parse_entry(text) for text in self._texts)

    def check(self, address: str) -> Url:
        """Return the address, parsed as it will be called; raise ``InvalidJob`` if it mustn't be.

        The parser is that of urllib3, which makes the connection: two parsers could read one
        address as two.
        """
        url = _parse(address)
        if url is None or url.scheme not in PORTS or not url.host or url.auth:
            raise InvalidJob("The URL must be http(s)://host/..., without a login in it.")
        if _is_strange(url.path or "/"):
            raise InvalidJob(
                f"The URL's path must not climb with '..', in whatever spelling: {url.path}"
            )
        if not any(entry.allows(url) for entry in self._entries):
            allowed = ", ".join(self._texts) or "nothing"
            raise InvalidJob(
                f"{url.scheme}://{url.netloc}{url.path or '/'} isn't on this consumer's list of "
                f"allowed addresses (setting http_allow: {allowed})."
            )
        return url


def _parse_entry(text: str) -> Entry:
    url = _parse(text if "://" in text else f"//{text}")
    if url is None or not url.host or url.auth or url.query or url.scheme not in (None, *PORTS):
        raise ConfigurationError(
            f"Setting 'http_allow' is wrong: got {text!r}, wanted a host, host:port or the "
            "beginning of a URL."
        )
    if url.path and not url.scheme:
        raise ConfigurationError(
            f"Setting 'http_allow' is wrong: {text!r} has a path, so it needs http:// or https://."
        )
    if "*" in url.host:
        raise ConfigurationError(
            f"Setting 'http_allow' is wrong: {text!r} has a *, which stands for nothing: name each "
            "host."
        )
    return Entry(host=url.host, port=url.port, scheme=url.scheme, path=(url.path or "").rstrip("/"))


def _is_below(path: str, top: str) -> bool:
    """Return True if the path is ``top`` or below it: /v1 doesn't allow /v10."""
    return path == top or path.startswith(f"{top}/")


def _parse(address: str) -> Url | None:
    try:
        return parse_url(address)
    except LocationParseError:
        return None


def _is_strange(path: str) -> bool:
    """Return True if a server might read the path as one that leaves its folder.

    It is looked at decoded as often as a server might do it. One that still changes then is
    strange as well.
    """
    for _ in range(MOST_DECODINGS):
        if any(_is_dots(step) for step in re.split(r"[/\\]", path)):
            return True
        decoded = unicodedata.normalize("NFKC", unquote(path, errors="surrogateescape"))
        if decoded == path:
            return OVERLONG.search(path) is not None
        path = decoded
    return True


def _is_dots(step: str) -> bool:
    """Return True if a step is ``..``, or may be once a server has dropped what it drops.

    That is what begins with a semicolon, a NUL, a question mark or a hash; and what isn't seen.
    Windows takes more dots for two.
    """
    name = re.split(r"[;\0?#]", step, maxsplit=1)[0]
    seen = [at for at in name if at.isprintable() and not at.isspace()]
    return len(seen) > 1 and set(seen) == {"."}
