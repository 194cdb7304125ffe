"""Visitors of a site: each asks for a page, waits for it, and asks again."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from urllib.parse import urlsplit

TIMEOUT = 120  # seconds for one page


class Visitors:
    """So many visitors of one page, at it since they were made; ``seconds`` are their waits."""

    def __init__(self, url: str, number: int, *, pages: int | None = None) -> None:
        self.seconds: list[float] = []
        self.failures = 0
        self._left = pages
        self._url = urlsplit(url)
        self._stopping = Event()
        self._began = time.monotonic()
        self._ended = 0.0
        self._threads = [Thread(target=self._visit, daemon=True) for _ in range(number)]
        for thread in self._threads:
            thread.start()

    def _visit(self) -> None:
        connection = http.client.HTTPConnection(str(self._url.netloc), timeout=TIMEOUT)
        while not self._stopping.is_set() and self._take_turn():
            began = time.perf_counter()
            connection.request("GET", self._url.path)
            answer = connection.getresponse()
            answer.read()
            self.seconds.append(time.perf_counter() - began)
            self.failures += answer.status != http.HTTPStatus.OK
        connection.close()

    def _take_turn(self) -> bool:
        """Return False once all pages that were wanted have been asked for."""
        if self._left is None:
            return True
        self._left -= 1
        return self._left >= 0

    def wait(self) -> None:
        """Return once all pages that were wanted are there."""
        for thread in self._threads:
            thread.join()
        self._ended = self._ended or time.monotonic()

    def stop(self) -> None:
        """Have everybody finish the page that he waits for."""
        self._stopping.set()
        self.wait()

    @property
    def rate(self) -> float:
        """How many pages a second they have had; they must have stopped."""
        return len(self.seconds) / (self._ended - self._began)


@contextmanager
def visit(url: str, number: int) -> Iterator[Visitors]:
    """Have visitors look at a page meanwhile."""
    visitors = Visitors(url, number)
    try:
        yield visitors
    finally:
        visitors.stop()
