"""This consumer as the others know it: its row in the database, and the id that its leases bear."""

from __future__ import annotations

import os
import platform
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version

from coserver_consumer.model.job import new_id
from coserver_consumer.model.unavailable import Unavailable
from coserver_consumer.runtime.database import Database
from coserver_consumer.settings.settings import Settings
from coserver_consumer.store import maintain
from coserver_consumer.store.maintain import ConsumerInfo


class Registration:
    """The consumer's current entry. Its id changes when it had been given up for dead.

    ``announce`` is called with each id before a job can be claimed under it.
    """

    def __init__(
        self,
        database: Database,
        info: ConsumerInfo,
        *,
        announce: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._database = database
        self._announce = announce
        self.info = info
        self.unavailable: tuple[Unavailable, ...] = ()  # what it can't do at the moment

    @property
    def id(self) -> str:
        """The id that claims and heartbeats bear."""
        return self.info.id

    def register(self) -> None:
        """Make the consumer known to the others."""
        self._announce(self.id)
        self._database.write(lambda connection: maintain.register(connection, self.info))

    def renew(self) -> None:
        """Register under a new id; the rescuers take back what was claimed under the old one."""
        fresh = replace(self.info, id=new_id())
        self._announce(fresh.id)
        self._database.write(lambda connection: maintain.register(connection, fresh))
        self.info = fresh

    def unregister(self) -> None:
        """Give back what is still claimed, and remove the entry."""
        self._database.write(lambda connection: maintain.unregister(connection, self.id))


def describe_consumer(settings: Settings, tasks: Sequence[str]) -> ConsumerInfo:
    """Return the entry of this process; its platform is one of its capabilities."""
    capabilities = {*settings.capabilities, platform.system().lower()}
    return ConsumerInfo(
        id=new_id(),
        name=settings.name,
        hostname=socket.gethostname(),
        pid=os.getpid(),
        queues=tuple(settings.queues),
        tasks=tuple(tasks),
        capabilities=tuple(sorted(capabilities)),
        threads=settings.threads,
        version=version("collective.coserver"),
    )
