"""Whether the Zope that queues jobs has the secret of a consumer that runs them in itself.

Such a consumer sends Zope no request that would tell. It would take whatever Zope has signed for
forged, and fail the jobs for good.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from coserver_consumer.protocol.handshake import DIFFERS
from coserver_consumer.runtime.logs import zope_logs
from coserver_consumer.zope.probe import Able, Greet, Unable, probe

ASK_EVERY_S = 30.0  # while nobody has another secret


class SecretWatch:
    """Asks the instances; ``trouble`` is why no job can be verified here, as a sentence.

    An instance that doesn't answer is no trouble: none is needed to run jobs.
    """

    def __init__(self, urls: Sequence[str], greet: Greet) -> None:
        self.trouble: str | None = None
        self._urls = urls
        self._greet = greet
        self._asked_at = -ASK_EVERY_S  # monotonic

    def check(self) -> bool:
        """Ask if it is time to; return True if ``trouble`` has changed."""
        if self.trouble is None and time.monotonic() - self._asked_at < ASK_EVERY_S:
            return False
        before, self.trouble = self.trouble, self._find_trouble()
        self._asked_at = time.monotonic()
        if self.trouble and not before:
            zope_logs.zodb_away(self.trouble)
        elif before and not self.trouble:
            zope_logs.zodb_back()
        return self.trouble != before

    def _find_trouble(self) -> str | None:
        found = {url: probe(self._greet, url) for url in self._urls}
        differing = [url for url, said in found.items() if said == Unable(DIFFERS)]
        if not differing or any(isinstance(said, Able) for said in found.values()):
            return None
        return f"Jobs can't be verified: Zope at {', '.join(differing)}: {DIFFERS}."
