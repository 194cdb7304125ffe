"""The Zope instances that jobs are sent to: which can run jobs, and how busy we keep them."""

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
    trouble_since: float = 0.0
    answered_at: float = -MAX_SILENCE_S
    logged_at: float = -LOG_EVERY_S
    is_logged: bool = False
    process: str | None = None


class Instances:
    """Picks the instance that has the fewest of our requests, among those that can run jobs.

    An instance that can't is left out until ``check`` finds that it can. ``changed`` is called when
    one is left out or comes back.
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

        None if all that can run jobs were tried.
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
            each.answered_at = time.monotonic()
            each.process = process or each.process

    def leave_out(self, url: str, why: str) -> None:
        """Send no job to an instance until it says that it can run jobs."""
        now = time.monotonic()
        with self._lock:
            each = self._known[url]
            is_news = each.trouble is None
            if is_news:
                each.trouble_since, each.is_logged = now, False
            is_line = (is_news or each.trouble != why) and now - each.logged_at >= LOG_EVERY_S
            if is_line:
                each.logged_at, each.is_logged = now, True
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
                if each.trouble is not None or now - each.answered_at >= MAX_SILENCE_S
            ]

    def _is_busy(self, url: str) -> bool:
        """Return True if an instance may well be silent, since it works on our jobs."""
        with self._lock:
            each = self._known[url]
            return each.trouble is None and each.under_way > 0

    def _take_back(self, url: str, greeting: Greeting) -> None:
        self.note_answer(url, greeting.process)
        with self._lock:
            each = self._known[url]
            was_away, is_logged = each.trouble is not None, each.is_logged
            each.trouble, each.is_logged = None, False
            seconds = time.monotonic() - each.trouble_since
        if is_logged:
            zope_logs.instance_back(url, seconds)
        if was_away:
            self.changed()

    def _pick(self, tried: Collection[str]) -> str | None:
        able = {
            url: each.under_way
            for url, each in self._known.items()
            if each.trouble is None and url not in tried
        }
        if not able:
            return None
        fewest = min(able.values())
        return random.choice([url for url, number in able.items() if number == fewest])
