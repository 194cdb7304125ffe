"""What a task that is a class is made with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from coserver_consumer.settings.settings import Settings
from coserver_consumer.zope.router import Zope


@dataclass(frozen=True, kw_only=True)
class TaskContext:
    """The consumer as its tasks see it."""

    settings: Settings

    @cached_property
    def zope(self) -> Zope:
        """The Zope of the settings, which all tasks share; raises ``ConfigurationError``."""
        return Zope(self.settings)
