"""Which jobs a consumer gets.

A claim takes the first jobs of a queue by rank. Jobs with a limit key are claimed apart, so that
the many jobs of a key that has no room stand in nobody's way: each key is a lane of its own, and
the lane with the fewest running jobs is served first.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import Connection

from coserver_consumer.model.job import Job
from coserver_consumer.model.unavailable import Unavailable
from coserver_consumer.store.claim.claim_lock import in_turn
from coserver_consumer.store.claim.limits import Turnstile
from coserver_consumer.store.claim.snapshot import Outlook, QueueOutlook, look
from coserver_consumer.store.claim.take import BEGINNING, Mark, list_lanes, mark_of, take
from coserver_consumer.store.claim.watermark import Place, Places

LANES = 64  # limit keys that are looked at together
PAGES = 16  # times so many that one claim looks at


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimer:
    """Who claims: the consumer's id and what it can run, but for what is unavailable now."""

    consumer: str
    tasks: Sequence[str]
    requirements: Sequence[str] = ()
    unavailable: Sequence[Unavailable] = ()

    def tasks_in(self, queue: str) -> Sequence[str]:
        """Return the tasks whose jobs it can run from this queue now."""
        if not self.unavailable:
            return self.tasks
        return [
            task
            for task in self.tasks
            if not any(each.concerns(task, queue) for each in self.unavailable)
        ]


def claim(
    connection: Connection,
    *,
    consumer: str,
    queues: Sequence[str],
    tasks: Sequence[str],
    limit: int,
    capabilities: Sequence[str] = (),
) -> list[Job]:
    """Take up to ``limit`` jobs for a consumer: running, their run and attempt one higher.

    Queues are served in the order given, within a queue the lowest rank first. Only jobs of these
    tasks are taken, and of those that require something only what the capabilities fulfil.
    """
    outlook = look(connection, queues, capabilities=capabilities)
    claimer = Claimer(consumer=consumer, tasks=tasks, requirements=outlook.requirements)
    return claim_from(connection, outlook, claimer, Places(), limit=limit, idle=limit)


def claim_from(
    connection: Connection,
    outlook: Outlook,
    claimer: Claimer,
    places: Places,
    *,
    limit: int,
    idle: int,
) -> list[Job]:
    """Do as ``claim`` for one who has looked already and goes on where it was.

    ``idle`` of the jobs can begin at once; those with a limit key are taken for these only, since a
    job that waits in a consumer would keep others of its key from running elsewhere.
    """
    jobs: list[Job] = []
    if not claimer.tasks:
        return jobs
    with in_turn(connection, limit):
        turnstile = Turnstile(connection)
        for queue in outlook.worth_claiming:
            left = limit - len(jobs)
            if left > 0:
                search = Search(connection, queue, claimer, places.of(queue.name), turnstile)
                jobs += search.take(left, idle=max(0, idle - len(jobs)))
    return jobs


class Search:
    """One claim in one queue."""

    def __init__(
        self,
        connection: Connection,
        queue: QueueOutlook,
        claimer: Claimer,
        place: Place,
        turnstile: Turnstile,
    ) -> None:
        self._connection = connection
        self._queue = queue
        self._claimer = claimer
        self._tasks = claimer.tasks_in(queue.name)
        self._place = place
        self._turnstile = turnstile

    def take(self, limit: int, *, idle: int) -> list[Job]:
        """Take up to ``limit`` jobs."""
        if not self._tasks:
            return []
        if not self._queue.is_ruled and not self._queue.has_limited:
            return self._take_plain(limit)
        if self._queue.is_ruled:
            if not self._turnstile.room_in(self._queue, limit):
                return []
            self._turnstile.enter()
            limit = self._turnstile.room_in(self._queue, limit)
        jobs = self._take_fairly(limit, min(idle, limit))
        self._turnstile.note(self._queue, [job for job in jobs if not job.limit_key])
        return jobs

    def _take_fairly(self, limit: int, idle: int) -> list[Job]:
        """Give the lanes and the jobs without a key half of the idle threads each, if they can."""
        lanes = self._take_lanes(self._share(idle))
        plain = self._take_plain(limit - len(lanes))
        more = idle - len(lanes) - len(plain)
        return lanes + plain + (self._take_lanes(more) if more > 0 else [])

    def _share(self, idle: int) -> int:
        """Return half, and with an odd one each time the other half."""
        if not self._queue.has_limited:
            return 0
        self._place.serves_lanes_first = not self._place.serves_lanes_first
        return (idle + (not self._place.serves_lanes_first)) // 2

    def _take_plain(self, limit: int) -> list[Job]:
        """Take jobs without a limit key, from the mark on."""
        if limit < 1:
            return []
        place, began = self._place, time.monotonic()
        start = place.start(began)
        jobs = self._take("", limit, mark=start)
        if start == BEGINNING:
            place.note_search(began, time.monotonic() - began)
        if jobs:
            place.mark = mark_of(jobs[-1])
        if len(jobs) < limit:
            place.drop_mark()
        return jobs

    def _take_lanes(self, limit: int) -> list[Job]:
        """Take jobs with limit keys, each from the lane that has the fewest running."""
        if limit < 1 or not self._queue.has_limited:
            return []
        jobs: list[Job] = []
        for lanes in self._find_lanes():
            last = lanes[-1]
            jobs += self._take_from(lanes, limit - len(jobs))
            if len(jobs) == limit:
                return jobs
            self._place.lane = last
        return jobs

    def _take_from(self, lanes: list[str], limit: int) -> list[Job]:
        """Take jobs from these lanes; nobody waits for a turn if there is no room in any."""
        if not any(self._turnstile.has_room_for(key) for key in lanes):
            return []
        self._turnstile.enter()
        jobs: list[Job] = []
        while lanes and len(jobs) < limit:
            key = min(lanes, key=self._turnstile.running)
            taken = self._take(key, 1) if self._turnstile.has_room_for(key) else []
            if not taken:
                lanes.remove(key)
                continue
            self._turnstile.note(self._queue, taken)
            self._place.lane = key
            jobs += taken
        return jobs

    def _find_lanes(self) -> Iterator[list[str]]:
        """Yield the keys that jobs wait for, those behind the one served last first."""
        lanes = self._walk_lanes()
        for _ in range(PAGES):
            page = list(islice(lanes, LANES))
            if not page:
                return
            yield page

    def _walk_lanes(self) -> Iterator[str]:
        """Yield each key once, in the database's order, which needn't be Python's."""
        seen: set[str] = set()
        for start in dict.fromkeys([self._place.lane, ""]):
            page, has_more = [start], True
            while has_more:
                page = self._list_lanes(page[-1])
                has_more = len(page) == LANES and seen.isdisjoint(page)
                yield from (key for key in page if key not in seen)
                seen.update(page)

    def _list_lanes(self, behind: str) -> list[str]:
        return list_lanes(self._connection, self._queue.name, behind=behind, limit=LANES)

    def _take(self, key: str, limit: int, *, mark: Mark = BEGINNING) -> list[Job]:
        return take(
            self._connection,
            consumer=self._claimer.consumer,
            queue=self._queue.name,
            key=key,
            tasks=self._tasks,
            requirements=self._claimer.requirements,
            mark=mark,
            limit=limit,
        )
