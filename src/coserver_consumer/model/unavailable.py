"""What a consumer can't do at the moment, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Unavailable:
    """Jobs of these tasks in these queues aren't claimed; ``why`` is a sentence."""

    tasks: tuple[str, ...]
    queues: tuple[str, ...]
    why: str

    def concerns(self, task: str, queue: str) -> bool:
        """Return True if such a job isn't claimed."""
        return task in self.tasks and queue in self.queues


def to_json(found: Iterable[Unavailable]) -> list[dict[str, Any]] | None:
    """Return what the store keeps of it, None if there is nothing."""
    said = [
        {"tasks": list(each.tasks), "queues": list(each.queues), "why": each.why} for each in found
    ]
    return said or None


def from_json(said: Any) -> tuple[Unavailable, ...]:
    """Return what the store has; nothing for what some other program has written there."""
    if not isinstance(said, list):
        return ()
    try:
        return tuple(
            Unavailable(
                tasks=tuple(map(str, each["tasks"])),
                queues=tuple(map(str, each["queues"])),
                why=str(each["why"]),
            )
            for each in said
        )
    except (KeyError, TypeError):
        return ()
