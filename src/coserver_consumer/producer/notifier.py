"""The producer's bell: calls idle consumers after a commit, and keeps no producer waiting."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from threading import Condition, Lock, Thread
from weakref import WeakKeyDictionary, ref

from sqlalchemy import Engine

from coserver_consumer import store
from coserver_consumer.model.job import NewJob

THROTTLE = 0.005  # seconds between two calls, of which each is for all queues that were rung for
LINGERS = 5.0  # seconds that the thread waits for another ring
FLUSH = 1.0  # seconds that ``quiet`` waits

_bells: WeakKeyDictionary[Engine, Bell] = WeakKeyDictionary()
_making = Lock()


def _begin_as_child() -> None:
    """Make bells anew in a forked process: nobody is left there to free a lock that was taken."""
    global _making  # noqa: PLW0603  a lock can't be emptied
    _making = Lock()
    _bells.clear()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_begin_as_child)


class Bell:
    """Calls for one engine's queues from a thread of its own; use ``find_bell``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = ref(engine)
        self._news = Condition()
        self._queues: set[str] = set()
        self._is_calling = False
        self._has_thread = False

    def ring(self, queues: Iterable[str]) -> None:
        """Have the consumers of these queues called; return at once."""
        with self._news:
            self._queues.update(queues)
            if not self._queues:
                return
            if not self._has_thread:
                self._has_thread = True
                Thread(target=self._serve, name="bell", daemon=True).start()
            self._news.notify()

    def quiet(self) -> None:
        """Return when every ring has become a call, or after a second."""
        with self._news:
            self._news.wait_for(lambda: not self._queues and not self._is_calling, FLUSH)

    def _serve(self) -> None:
        while queues := self._next():
            engine = self._engine()
            with suppress(Exception):  # whoever isn't called looks by itself
                if engine is not None:
                    store.call(engine, queues)
            del engine
            self._rest()

    def _next(self) -> set[str]:
        """Return what was rung for; nothing if this thread isn't needed any more."""
        with self._news:
            if not self._news.wait_for(lambda: self._queues, LINGERS):
                self._has_thread = False
                return set()
            queues, self._queues = self._queues, set()
            self._is_calling = True
            return queues

    def _rest(self) -> None:
        with self._news:
            self._is_calling = False
            self._news.notify_all()
        time.sleep(THROTTLE)


class Silence(Bell):
    """The bell of a database that carries no calls."""

    def ring(self, queues: Iterable[str]) -> None:
        """Do nothing: consumers look by themselves."""


def find_bell(engine: Engine) -> Bell:
    """Return the bell of an engine."""
    with _making:
        if engine not in _bells:
            _bells[engine] = Bell(engine) if store.carries_calls(engine) else Silence(engine)
        return _bells[engine]


def ring_for(engine: Engine, jobs: Iterable[NewJob]) -> None:
    """Call for those of the jobs, which were committed, that may begin now."""
    find_bell(engine).ring({job.queue for job in jobs if job.may_begin})
