"""The settings that worker processes are started with, which change while the consumer runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from coserver_consumer.model.errors import ConfigurationError
from coserver_consumer.runtime.logs import process_logs
from coserver_consumer.settings.settings import Settings

Load = Callable[[], Settings]


class LiveSettings:
    """The current settings, and the proven ones, with which a process has become ready.

    ``load`` reads the settings anew; it raises ``ConfigurationError``.
    """

    def __init__(self, settings: Settings, load: Load) -> None:
        self.current = settings
        self._proven: Settings | None = None
        self._load = load

    @property
    def are_proven(self) -> bool:
        """True if a process has ever become ready, perhaps with other settings than the current."""
        return self._proven is not None

    def for_slot(self, number: int) -> Settings:
        """Return the current settings for a slot: of several processes each has its own name."""
        if self.current.processes > 1:
            return replace(self.current, name=f"{self.current.name}/{number}")
        return self.current

    def prove(self, settings: Settings, number: int) -> bool:
        """Note that the process of a slot is ready; return False if its settings aren't current."""
        if settings != self.for_slot(number):
            return False
        self._proven = self.current
        return True

    def reload(self) -> bool:
        """Read the settings anew; return False if they are wrong, and the old ones stay."""
        try:
            self.current = self._load()
        except ConfigurationError as error:
            process_logs.reload_refused(str(error))
            return False
        process_logs.reloading(self.current.processes)
        return True

    def fall_back(self, exit_code: int) -> None:
        """Return to the proven settings: a process that had the current ones couldn't start."""
        if self._proven is not None and self.current is not self._proven:
            self.current = self._proven
            why = f"the process that was started with them ended with {exit_code}"
            process_logs.reload_refused(why)
