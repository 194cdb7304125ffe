"""The Zope in a worker's own process: a plugin brings it, since the consumer imports no Zope."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Protocol

from coserver_consumer.model import exception_text
from coserver_consumer.model.errors import ConfigurationError
from coserver_consumer.model.indoubt import Decision, Question
from coserver_consumer.model.told_event import EventReport
from coserver_consumer.settings.settings import Settings
from coserver_consumer.zope.transport import Transport

GROUP = "coserver.transports"
NAME = "zodb"


class InProcess(Transport, Protocol):
    """The transport that opens the ZODB in the worker process.

    ``trouble`` is why no job can run there now, as a sentence.
    """

    trouble: str | None

    def open(self) -> None:
        """Start Zope; a second call does nothing.

        Raises ``ConfigurationError``, ``ZopeUnavailable`` and ``StartAgain``.
        """

    def check(self) -> bool:
        """Find out whether the ZODB is there; return True if that has changed."""

    def ask(self, questions: Sequence[Question]) -> list[Decision]:
        """Return what became of transactions; raise ``EvidenceUnavailable``."""

    def tell(self, event_ids: Sequence[int]) -> EventReport:
        """Tell events, by their ids, to subscribers here; raise ``ZopeUnavailable``."""


def load_in_process(
    settings: Settings, zope_conf: Path, found: Collection[EntryPoint] | None = None
) -> InProcess:
    """Return the transport, which hasn't started any Zope yet; raise ``ConfigurationError``.

    ``found`` are the entry points of all installed distributions unless given.
    """
    points = list(entry_points(group=GROUP, name=NAME) if found is None else found)
    if not points:
        raise ConfigurationError(
            f"Setting 'zope_conf' needs a plugin '{NAME}' of the group {GROUP}, and none is "
            "installed; pip install 'collective.coserver[zodb]'."
        )
    try:
        transport: InProcess = points[0].load()(settings, zope_conf)
    except ConfigurationError:
        raise
    except (Exception, SystemExit) as error:
        said = exception_text.describe(error)
        raise ConfigurationError(
            f"Setting 'zope_conf' needs the plugin {points[0].value}, which can't be loaded: {said}"
        ) from error
    return transport
