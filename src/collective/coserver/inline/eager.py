"""Jobs run eagerly: after the commit that queued them, in a thread of the same process.

For a developer's instance, which needs no consumer then.
"""

from __future__ import annotations

import atexit
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack

import transaction
from sqlalchemy import Connection

from collective.coserver.database.settings import get_settings
from collective.coserver.inline import logs
from collective.coserver.inline.runner import InlineRunner
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.runtime.loop import Loop
from coserver_consumer.store import manage

LOOK_EVERY_S = 1.0  # for jobs that somebody runs again, or that another program has queued


class EagerConsumer:
    """Runs what is ready, one job after another, whoever has queued it."""

    def __init__(self) -> None:
        self._loop = Loop("eager", every=LOOK_EVERY_S, tick=self._tick)
        self._is_stopped = False
        self._runner: InlineRunner | None = None
        self._lease = ExitStack()
        self._served: dict[str, str] = {}
        self._left: set[str] = set()

    def start(self) -> None:
        """Begin to look for jobs, in another thread."""
        self._loop.start()
        atexit.register(self.stop)

    def notify(self, jobs: Sequence[NewJob]) -> None:
        """Run what is ready, soon and in that thread: these jobs were committed."""
        self._loop.wake()

    def stop(self) -> None:
        """Begin no further job; wait for the one that runs, for the time of ``grace`` at most.

        One that runs on ends with the process; others have it when this consumer counts as dead.
        """
        self._is_stopped = True
        atexit.unregister(self.stop)
        self._loop.stop()
        if self._loop.join(get_settings().grace):
            self._lease.close()

    def _tick(self) -> None:
        runner, find_served = self._begin(), self._leave_to_consumers
        while not self._is_stopped and (ended := runner.run_next(find_served=find_served)):
            transaction.abort()  # leave nothing of it in the thread
            logs.ran(ended)
        while not self._is_stopped and runner.tell_events(but=self._served):
            transaction.abort()
        self._tell_left(runner)

    def _begin(self) -> InlineRunner:
        """Return the runner, which is a consumer from the first time on."""
        if self._runner is None:
            runner = InlineRunner()
            self._lease.enter_context(runner.leased(wake=self._loop.wake))
            self._runner = runner
        return self._runner

    def _leave_to_consumers(self, connection: Connection) -> Collection[str]:
        """Return the queues that living consumers serve; say once of each that it is left."""
        served = dict(_find_served(connection))
        for queue, name in served.items():
            if queue not in self._served:
                logs.is_served(queue, name)
        self._served = served
        return served

    def _tell_left(self, runner: InlineRunner) -> None:
        """Say once of each task whose jobs Zope can't run that they wait for a consumer."""
        for task in sorted(runner.find_foreign(but=self._served) - self._left):
            logs.is_foreign(task)
            self._left.add(task)


def _find_served(connection: Connection) -> Iterator[tuple[str, str]]:
    """Yield the queues that living consumers serve, each with such a consumer's name."""
    dead_after = get_settings().dead_after
    for consumer in manage.consumers(connection):
        if not consumer.is_dead(dead_after):
            yield from ((queue, consumer.name) for queue in consumer.queues)
