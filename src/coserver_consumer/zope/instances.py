"""The Zope instances that jobs are sent to: which of them are there, and how busy we keep them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import assert_never

from coserver_consumer.protocol.handshake import Greeting
from coserver_consumer.runtime.logs import zope_logs
from coserver_consumer.zope.probe import Able, Busy, Greet, Silent, Unable, probe

MAX_SILENCE_S = 30.0  # after which an instance is asked whether it can run jobs
LOG_EVERY_S = 60.0  # about one instance that is away


@dataclass(slots=True)
class Instance:
    """What is known of one instance. ``trouble`` is why it gets no jobs, None if it does.

    ``process`` names the process that answered last. Times are monotonic.
    """

    under_way: int = 0
    trouble: str | None = None
    since: float = 0.0
    heard: float = -MAX_SILENCE_S
    logged: float = -LOG_EVERY_S
    is_told: bool = False
    process: str | None = None


class Instances:
    """Picks the instance with the fewest of our requests, of those that are there.

    One that can't run jobs is left out until ``check`` finds that it can. ``changed`` is called
    when one is left out or back.
    """

    def __init__(self, urls: Sequence[str], greet: Greet) -> None:
        self.changed: Callable[[], None] = lambda: None
        self._greet = greet
        self._lock = Lock()
        self._known = {url: Instance() for url in urls}

    @property
    def urls(self) -> list[str]:
        """The addresses of all instances."""
        return list(self._known)

    @property
    def trouble(self) -> str | None:
        """Why no instance can run jobs, None if one can."""
        with self._lock:
            why = {url: each.trouble for url, each in self._known.items()}
        if None in why.values():
            return None
        return "; ".join(f"{url}: {said}" for url, said in why.items())

    @contextmanager
    def least_busy(self, tried: Collection[str] = ()) -> Iterator[str | None]:
        """Yield the URL for a request, which counts for the time of the block.

        None if all that are there were tried.
        """
        with self._lock:
            url = self._pick(tried)
            if url is not None:
                self._known[url].under_way += 1
        try:
            yield url
        finally:
            if url is not None:
                with self._lock:
                    self._known[url].under_way -= 1

    def is_out(self, url: str) -> bool:
        """Return True if the instance gets no jobs."""
        with self._lock:
            return self._known[url].trouble is not None

    def process(self, url: str) -> str | None:
        """Return what names the process that answered last there."""
        with self._lock:
            return self._known[url].process

    def note_answer(self, url: str, process: str | None = None) -> None:
        """Note that the instance has just answered as it should."""
        with self._lock:
            each = self._known[url]
            each.heard = time.monotonic()
            each.process = process or each.process

    def leave_out(self, url: str, why: str) -> None:
        """Send no job to an instance until it says that it can run jobs."""
        now = time.monotonic()
        with self._lock:
            each = self._known[url]
            is_news = each.trouble is None
            if is_news:
                each.since, each.is_told = now, False
            is_line = (is_news or each.trouble != why) and now - each.logged >= LOG_EVERY_S
            if is_line:
                each.logged, each.is_told = now, True
            each.trouble = why
        if is_line:
            zope_logs.instance_away(url, why)
        if is_news:
            self.changed()

    def check(self) -> None:
        """Ask the instances that are left out, and those that haven't answered for a while."""
        for url in self._find_unsure():
            self.ask(url)

    def ask(self, url: str) -> bool:
        """Ask an instance whether it can run jobs; return False if it gets none."""
        match found := probe(self._greet, url):
            case Able(greeting=greeting):
                self._take_back(url, greeting)
            case Busy() if self._is_busy(url):
                pass
            case Busy(why=why) | Silent(why=why) | Unable(why=why):
                self.leave_out(url, why)
            case _:
                assert_never(found)
        return not self.is_out(url)

    def _find_unsure(self) -> list[str]:
        now = time.monotonic()
        with self._lock:
            return [
                url
                for url, each in self._known.items()
                if each.trouble is not None or now - each.heard >= MAX_SILENCE_S
            ]

    def _is_busy(self, url: str) -> bool:
        """Return True if it is no wonder that an instance is silent: it is at our jobs."""
        with self._lock:
            each = self._known[url]
            return each.trouble is None and each.under_way > 0

    def _take_back(self, url: str, greeting: Greeting) -> None:
        self.note_answer(url, greeting.process)
        with self._lock:
            each = self._known[url]
            was_away, is_told = each.trouble is not None, each.is_told
            each.trouble, each.is_told = None, False
            seconds = time.monotonic() - each.since
        if is_told:
            zope_logs.instance_back(url, seconds)
        if was_away:
            self.changed()

    def _pick(self, tried: Collection[str]) -> str | None:
        there = {
            url: each.under_way
            for url, each in self._known.items()
            if each.trouble is None and url not in tried
        }
        if not there:
            return None
        fewest = min(there.values())
        return random.choice([url for url, number in there.items() if number == fewest])
