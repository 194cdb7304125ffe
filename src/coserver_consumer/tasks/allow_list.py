"""Which addresses the ``http`` task may call. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import unquote

from urllib3.util import Url

from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.settings.allowed_address import USUAL_PORTS, parse, read_address

MAX_DECODINGS = 8
# What isn't UTF-8, but old decoders took for a dot or a slash: C0 AE, E0 80 AE, F0 80 80 AE, ...
OVERLONG = re.compile("[\udcc0\udcc1][\udc80-\udcbf]|\udce0[\udc80-\udc9f]|\udcf0[\udc80-\udc8f]")


class AllowList:
    """The entries of the setting ``http_allow``."""

    def __init__(self, entries: Iterable[str]) -> None:
        self._texts = tuple(entries)
        self._entries = tuple(read_address(text) for text in self._texts)

    def check(self, address: str) -> Url:
        """Return the address, parsed as it will be called; raise ``InvalidJob`` if it may not."""
        url = parse(address)
        if url is None or url.scheme not in USUAL_PORTS or not url.host or url.auth:
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


def _is_strange(path: str) -> bool:
    """Return True if a server might read the path as one that leaves its folder.

    The path is decoded as often as a server might do it; one that still changes then is strange,
    too.
    """
    for _ in range(MAX_DECODINGS):
        if any(_is_dots(step) for step in re.split(r"[/\\]", path)):
            return True
        decoded = unicodedata.normalize("NFKC", unquote(path, errors="surrogateescape"))
        if decoded == path:
            return OVERLONG.search(path) is not None
        path = decoded
    return True


def _is_dots(step: str) -> bool:
    """Return True if a step is ``..``, or becomes that once a server has dropped a part of it.

    Servers drop what begins with a semicolon, a NUL, a question mark or a hash, and characters that
    can't be seen. Windows takes more than two dots for two.
    """
    name = re.split(r"[;\0?#]", step, maxsplit=1)[0]
    seen = [at for at in name if at.isprintable() and not at.isspace()]
    return len(seen) > 1 and set(seen) == {"."}
