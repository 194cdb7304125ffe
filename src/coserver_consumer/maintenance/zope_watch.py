"""The watch on Zope: finds out whether jobs can run there, and says so to everybody."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from coserver_consumer.model.unavailable import Unavailable
from coserver_consumer.runtime.loop import Loop
from coserver_consumer.runtime.registration import Registration
from coserver_consumer.zope.router import Zope

CHECK_EVERY_S = 2.0  # between two questions to an instance that is away


class ZopeWatch:
    """Keeps ``unavailable`` of the registration; ``changed`` is called with each change of it."""

    def __init__(
        self,
        zope: Zope,
        registration: Registration,
        tasks: Sequence[str],
        *,
        changed: Callable[[], None],
    ) -> None:
        self._zope = zope
        self._registration = registration
        self._tasks = tuple(tasks)
        self._changed = changed
        self.loop = Loop("zope", every=CHECK_EVERY_S, tick=self.check)
        zope.watch(self._note)

    def check(self) -> None:
        """Ask the instances that are away or haven't answered for a while."""
        self._zope.check(self._registration.id)

    def _note(self) -> None:
        self._registration.unavailable = tuple(
            Unavailable(tasks=self._tasks, queues=queues, why=why)
            for queues, why in self._zope.find_troubles()
        )
        self._changed()
