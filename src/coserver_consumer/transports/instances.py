"""The Zope instances that jobs are sent to: which of them are there, and how busy we keep them."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from threading import Lock

from urllib3 import Timeout
from urllib3.exceptions import HTTPError

from coserver_consumer import logs
from coserver_consumer.loop import Loop
from coserver_consumer.transports.deadline import DeadlinePoolManager

PROBE_EVERY = 5.0  # seconds
PROBE_TIMEOUT = 5.0  # seconds


class Instances:
    """Picks the instance with the fewest of our requests, of those that are there.

    One that no connection can be made to is left out, and probed until it answers. If none is
    there all are tried, so that a job fails by what they say.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        answers: Callable[[str], bool] | None = None,
        probe_every: float = PROBE_EVERY,
    ) -> None:
        self._answers = answers or Probe().answers
        self._lock = Lock()
        self._under_way = dict.fromkeys(urls, 0)
        self._away: set[str] = set()
        self._probing: Loop | None = None
        self._probe_every = probe_every

    @contextmanager
    def least_busy(self, tried: Collection[str] = ()) -> Iterator[str | None]:
        """Yield the URL for a request, which counts for the time of the block; None if all were
        tried.
        """
        with self._lock:
            url = self._pick(tried)
            if url is not None:
                self._under_way[url] += 1
        try:
            yield url
        finally:
            if url is not None:
                with self._lock:
                    self._under_way[url] -= 1

    def leave_out(self, url: str, why: str) -> None:
        """Ask an instance no more until it answers."""
        with self._lock:
            is_news = url not in self._away and len(self._under_way) > 1
            self._away.add(url)
            if self._probing is None and is_news:
                self._probing = Loop("health", every=self._probe_every, tick=self._probe)
                self._probing.start()
        if is_news:
            logs.instance_away(url, why)

    def _pick(self, tried: Collection[str]) -> str | None:
        untried = [url for url in self._under_way if url not in tried]
        there = [url for url in untried if url not in self._away] or untried
        if not there:
            return None
        fewest = min(self._under_way[url] for url in there)
        return random.choice([url for url in there if self._under_way[url] == fewest])

    def _probe(self) -> None:
        with self._lock:
            away = list(self._away)
        for url in away:
            if self._answers(url):
                with self._lock:
                    self._away.discard(url)
                logs.instance_back(url)


class Probe:
    """Asks an instance for anything at all."""

    def __init__(self) -> None:
        self._pool = DeadlinePoolManager(num_pools=1, retries=False, timeout=Timeout(PROBE_TIMEOUT))

    def answers(self, url: str) -> bool:
        """Return True if something answers there that isn't a server's fault."""
        try:
            status = self._pool.request("GET", f"{url}/", redirect=False).status
        except HTTPError:
            return False
        return status < HTTPStatus.INTERNAL_SERVER_ERROR
