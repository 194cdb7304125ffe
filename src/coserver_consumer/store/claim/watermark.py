"""How far a claimer has got in each of its queues.

While somebody holds a long transaction, the rows that are gone can't be removed from an index, and
every search from its beginning walks over them. So a claimer goes on where its last claim ended,
and looks for what has come in before that only as often as it can afford.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from coserver_consumer.model.job import Job
from coserver_consumer.store.claim.take import BEGINNING, Position, position_of

WATERMARK_MIN_S = 0.5  # an urgent job that comes in before the watermark waits that long at most
REUSE_FACTOR = 20  # the result of a search is reused for 20 times as long as the search took
REUSE_MAX_S = 5.0


def reuse_seconds(took: float, *, at_least: float) -> float:
    """Return for how many seconds to reuse the result of a search that took so many."""
    return min(max(at_least, took * REUSE_FACTOR), REUSE_MAX_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A search for the jobs of a queue that have no concurrency key.

    It began behind the position ``start``, at the monotonic time ``began``, and took so many
    seconds.
    """

    start: Position
    began: float
    took: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Watermark:
    """The last job that a claimer has taken from a queue; its searches begin behind that job.

    They do so until the monotonic time ``valid_until``; then one begins at the beginning again.
    ``is_costly``: the last search from the beginning took so long that the next one has to wait.
    """

    position: Position = BEGINNING
    valid_until: float = 0.0
    is_costly: bool = False

    def start(self, now: float) -> Position:
        """Return behind which job a search begins at this monotonic time."""
        return self.position if now < self.valid_until else BEGINNING

    def after(self, snapshot: Search) -> Watermark:
        """Return the watermark after a snapshot.

        One from the beginning is as good as a claim that found nothing. One that began behind the
        watermark says nothing of what lies before.
        """
        return _expired(self._renewed(snapshot)) if snapshot.start == BEGINNING else self

    def after_claim(self, search: Search, jobs: Sequence[Job], *, wanted: int) -> Watermark:
        """Return the watermark after a claim, which took these jobs where so many were wanted."""
        moved = self._renewed(search) if search.start == BEGINNING else self
        if jobs:
            moved = replace(moved, position=position_of(jobs[-1]))
        return moved if len(jobs) >= wanted else _expired(moved)

    def _renewed(self, search: Search) -> Watermark:
        seconds = reuse_seconds(search.took, at_least=WATERMARK_MIN_S)
        return replace(
            self, valid_until=search.began + seconds, is_costly=seconds > WATERMARK_MIN_S
        )


def _expired(watermark: Watermark) -> Watermark:
    """Have the next search begin at the beginning, unless that takes too long."""
    return watermark if watermark.is_costly else replace(watermark, valid_until=0.0)


@dataclass(slots=True)
class Cursor:
    """Where a claimer goes on in one queue.

    ``key`` is the concurrency key that was served last.
    """

    watermark: Watermark = Watermark()
    key: str = ""
    serves_keys_first: bool = True


@dataclass(slots=True)
class Cursors:
    """A claimer's cursors in its queues, by name."""

    _cursors: dict[str, Cursor] = field(default_factory=dict)

    def of(self, queue: str) -> Cursor:
        """Return the cursor in a queue."""
        return self._cursors.setdefault(queue, Cursor())

    def starts(self, queues: Iterable[str]) -> dict[str, Position]:
        """Return behind which job a search in each queue begins now."""
        now = time.monotonic()
        return {name: self.of(name).watermark.start(now) for name in queues}

    def follow(self, searches: Mapping[str, Search]) -> None:
        """Move the watermarks to where they are after the searches of a snapshot, by queue."""
        for name, search in searches.items():
            cursor = self.of(name)
            cursor.watermark = cursor.watermark.after(search)
