"""Notifies idle consumers after a producer's commit, and keeps no producer waiting."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from threading import Condition, Lock, Thread
from weakref import WeakKeyDictionary, ref

from sqlalchemy import Engine

from coserver_consumer import store
from coserver_consumer.model.new_job import NewJob

NOTIFY_INTERVAL_S = 0.005  # between two notifications; each is for all queues that wait for one
THREAD_LINGERS_S = 5.0  # for which the thread waits for more to notify of, before it ends
FLUSH_TIMEOUT_S = 1.0

_notifiers: WeakKeyDictionary[Engine, Notifier] = WeakKeyDictionary()
_making = Lock()


def _begin_as_child() -> None:
    """Start without notifiers in a forked process: no thread there would free a lock it took."""
    global _making  # noqa: PLW0603  a lock can't be emptied
    _making = Lock()
    _notifiers.clear()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_begin_as_child)


class Notifier:
    """Notifies the consumers on one engine from a thread of its own; use ``find_notifier``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = ref(engine)
        self._changed = Condition()
        self._queues: set[str] = set()
        self._is_notifying = False
        self._has_thread = False

    def notify(self, queues: Iterable[str]) -> None:
        """Have the consumers of these queues notified; return at once."""
        with self._changed:
            self._queues.update(queues)
            if not self._queues:
                return
            if not self._has_thread:
                self._has_thread = True
                Thread(target=self._serve, name="notifier", daemon=True).start()
            self._changed.notify()

    def flush(self) -> None:
        """Return when every queue's consumers were notified, or after a second."""
        with self._changed:
            self._changed.wait_for(
                lambda: not self._queues and not self._is_notifying, FLUSH_TIMEOUT_S
            )

    def _serve(self) -> None:
        while queues := self._next():
            engine = self._engine()
            with suppress(Exception):  # a consumer that isn't notified looks by itself
                if engine is not None:
                    store.notify(engine, queues)
            del engine
            self._rest()

    def _next(self) -> set[str]:
        """Return the queues whose consumers are to be notified; none if the thread is to end."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._queues, THREAD_LINGERS_S):
                self._has_thread = False
                return set()
            queues, self._queues = self._queues, set()
            self._is_notifying = True
            return queues

    def _rest(self) -> None:
        with self._changed:
            self._is_notifying = False
            self._changed.notify_all()
        time.sleep(NOTIFY_INTERVAL_S)


class NullNotifier(Notifier):
    """The notifier of a database that has no notifications."""

    def notify(self, queues: Iterable[str]) -> None:
        """Do nothing: consumers look by themselves."""


def find_notifier(engine: Engine) -> Notifier:
    """Return the notifier of an engine."""
    with _making:
        if engine not in _notifiers:
            make = Notifier if store.can_notify(engine) else NullNotifier
            _notifiers[engine] = make(engine)
        return _notifiers[engine]


def notify_of(engine: Engine, jobs: Iterable[NewJob]) -> None:
    """Notify the consumers of those of the jobs, which were committed, that may begin now."""
    find_notifier(engine).notify({job.queue for job in jobs if job.may_begin})
