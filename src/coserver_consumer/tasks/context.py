"""What a task that is a class is made with."""

from __future__ import annotations

from dataclasses import dataclass

from coserver_consumer.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskContext:
    """The consumer as its tasks see it."""

    settings: Settings
