"""An error without what differs from job to job, so that the same trouble is one row. Pure."""

from __future__ import annotations

import re

from coserver_consumer.store.manage import GAP

MAX_CHARS = 160
VARYING = re.compile(
    r"""
    https?://\S+ |                                   # addresses
    [\w.+-]+@[\w-]+(?:\.[\w-]+)+ |                   # of mail
    [0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12} |    # ids
    0x[0-9a-f]+ |
    (?:/[\w.@%+~-]+){2,}/? |                         # paths
    "[^"]*" |                                        # the search has no way to write these
    \b[0-9a-f]{16,}\b |
    \d+(?:[.,:]\d+)*
    """,
    re.VERBOSE | re.IGNORECASE,
)
GAPS = re.compile(rf"{GAP}(?:[\s\"]*{GAP})*|\"")


def normalize_error(error: str) -> str:
    """Return the first line of an error with gaps for its numbers, ids, addresses and paths."""
    line = error.strip().partition("\n")[0]
    text = GAPS.sub(GAP, VARYING.sub(GAP, line))
    return text if len(text) <= MAX_CHARS else f"{text[:MAX_CHARS]}{GAP}"
