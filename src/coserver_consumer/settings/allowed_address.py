"""One entry of the setting ``http_allow``: what the task ``http`` may call. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

USUAL_PORTS = {"http": 80, "https": 443}
WANTED = "hosts (api.example.com, api.example.com:8443) or beginnings of URLs (https://host/path)"


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedAddress:
    """A host (on its usual ports), a host with a port, or the beginning of a URL."""

    host: str
    port: int | None
    scheme: str | None
    path: str

    def allows(self, url: Url) -> bool:
        """Return True if the URL is this address or one below it."""
        scheme = url.scheme or ""
        usual = USUAL_PORTS[scheme]
        port = url.port or usual
        return (
            url.host == self.host
            and port == (self.port or usual)
            and self.scheme in (None, scheme)
            and _is_below(url.path or "/", self.path)
        )


def read_address(text: str) -> AllowedAddress:
    """Return what an entry allows; raise ``ValueError`` if it isn't clear, with what is wanted."""
    url = parse(text if "://" in text else f"//{text}")
    if url is None or not url.host or url.auth or url.query:
        raise _unclear(text, "has no host, or a login, or a query")
    if url.scheme not in (None, *USUAL_PORTS):
        raise _unclear(text, "is neither http nor https")
    if url.path and not url.scheme:
        raise _unclear(text, "has a path, so it needs http:// or https://")
    if "*" in url.host:
        raise _unclear(text, "has a *, which stands for nothing: name each host")
    path = (url.path or "").rstrip("/")
    return AllowedAddress(host=url.host, port=url.port, scheme=url.scheme, path=path)


def parse(address: str) -> Url | None:
    """Return the parts of an address, None if it has none.

    The parser is that of urllib3, which makes the connection: two parsers could read one address
    as two.
    """
    try:
        return parse_url(address)
    except LocationParseError:
        return None


def _unclear(text: str, why: str) -> ValueError:
    which = "one of them" if "@" in text else repr(text)  # it may hold a password
    return ValueError(f"{WANTED}; {which} {why}")


def _is_below(path: str, top: str) -> bool:
    """Return True if the path is ``top`` or below it: /v1 doesn't allow /v10."""
    return path == top or path.startswith(f"{top}/")
