"""How far a claimer has got.

While somebody holds a long transaction, the rows that are gone can't be removed from an index:
every search from its beginning walks over them. So a claimer goes on where it was, and looks for
what has come in before that only as often as it can afford.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from coserver_consumer.store.claim.take import BEGINNING, Mark

MARK_LASTS = 0.5  # seconds: an urgent job that comes in before the mark waits that long at most
PAYS = 20  # times as long as it took: so long a search holds
LONGEST = 5.0  # seconds that it holds at most


def lasting(took: float, *, at_least: float) -> float:
    """Return for how many seconds a search holds that took so many, so that it is worth it."""
    return min(max(at_least, took * PAYS), LONGEST)


@dataclass(slots=True)
class Place:
    """How far a claimer has got in one queue.

    ``mark`` is the last job that it took; the next search begins behind it. ``lane`` is the limit
    key that was served last.
    """

    mark: Mark = BEGINNING
    lane: str = ""
    serves_lanes_first: bool = True
    _until: float = 0.0  # the monotonic time at which a search begins at the beginning again
    _is_dear: bool = False  # whether such a search takes long

    def start(self, now: float) -> Mark:
        """Return where a search begins at this monotonic time."""
        return self.mark if now < self._until else BEGINNING

    def note_search(self, began: float, seconds: float) -> None:
        """Note that a search from the beginning took so long; the next one has to be worth it."""
        lasts = lasting(seconds, at_least=MARK_LASTS)
        self._is_dear = lasts > MARK_LASTS
        self._until = began + lasts

    def drop_mark(self) -> None:
        """Search from the beginning next time, unless that takes too long."""
        if not self._is_dear:
            self._until = 0.0


@dataclass(slots=True)
class Places:
    """A claimer's places in its queues, by name."""

    _places: dict[str, Place] = field(default_factory=dict)

    def of(self, queue: str) -> Place:
        """Return the place in a queue."""
        return self._places.setdefault(queue, Place())
