"""Which jobs a consumer gets.

A claim takes the first jobs of a queue by rank. Jobs with a concurrency key are claimed apart, one
key at a time, so that the many jobs of a key that has no room stand in nobody's way: the key with
the fewest running jobs is served first.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import Connection

from coserver_consumer.model.job import Job
from coserver_consumer.model.unavailable import Unavailable
from coserver_consumer.store.claim.admission import Admission
from coserver_consumer.store.claim.claim_lock import hold_claim_lock
from coserver_consumer.store.claim.snapshot import QueueSnapshot, Snapshot, read_snapshot
from coserver_consumer.store.claim.take import BEGINNING, Position, list_keys, take
from coserver_consumer.store.claim.watermark import Cursor, Cursors, Search

KEYS_PER_PAGE = 64  # concurrency keys that are looked at together
MAX_PAGES = 16  # of keys that one claim looks at


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimant:
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
    snapshot = read_snapshot(connection, queues, capabilities=capabilities)
    claimant = Claimant(consumer=consumer, tasks=tasks, requirements=snapshot.requirements)
    return claim_from(connection, snapshot, claimant, Cursors(), limit=limit, idle=limit)


def claim_from(
    connection: Connection,
    snapshot: Snapshot,
    claimant: Claimant,
    cursors: Cursors,
    *,
    limit: int,
    idle: int,
) -> list[Job]:
    """Do as ``claim`` for one who has a snapshot already, and go on at the cursors.

    ``idle`` of the jobs can begin at once; those with a concurrency key are taken for these only,
    since a job that waits in a consumer would keep others of its key from running elsewhere.
    """
    jobs: list[Job] = []
    if not claimant.tasks:
        return jobs
    with hold_claim_lock(connection, limit):
        admission = Admission(connection)
        for queue in snapshot.worth_claiming:
            left = limit - len(jobs)
            if left > 0:
                cursor = cursors.of(queue.name)
                one = QueueClaim(connection, queue, claimant, cursor, admission)
                jobs += one.take(left, idle=max(0, idle - len(jobs)))
    return jobs


class QueueClaim:
    """One claim in one queue."""

    def __init__(
        self,
        connection: Connection,
        queue: QueueSnapshot,
        claimant: Claimant,
        cursor: Cursor,
        admission: Admission,
    ) -> None:
        self._connection = connection
        self._queue = queue
        self._claimant = claimant
        self._tasks = claimant.tasks_in(queue.name)
        self._cursor = cursor
        self._admission = admission

    def take(self, limit: int, *, idle: int) -> list[Job]:
        """Take up to ``limit`` jobs."""
        if not self._tasks:
            return []
        if not self._queue.is_ruled and not self._queue.has_keyed:
            return self._take_keyless(limit)
        if self._queue.is_ruled:
            if not self._admission.room_in(self._queue, limit):
                return []
            self._admission.lock()
            limit = self._admission.room_in(self._queue, limit)
        jobs = self._take_fairly(limit, min(idle, limit))
        self._admission.note_claimed(self._queue, [job for job in jobs if not job.concurrency_key])
        return jobs

    def _take_fairly(self, limit: int, idle: int) -> list[Job]:
        """Give the jobs with a key and those without half of the idle threads each, if they can."""
        keyed = self._take_keyed(self._share(idle))
        keyless = self._take_keyless(limit - len(keyed))
        more = idle - len(keyed) - len(keyless)
        return keyed + keyless + (self._take_keyed(more) if more > 0 else [])

    def _share(self, idle: int) -> int:
        """Return half of the idle threads; the odd one goes to either kind in turn."""
        if not self._queue.has_keyed:
            return 0
        self._cursor.serves_keys_first = not self._cursor.serves_keys_first
        return (idle + (not self._cursor.serves_keys_first)) // 2

    def _take_keyless(self, limit: int) -> list[Job]:
        """Take jobs without a concurrency key, those behind the watermark."""
        if limit < 1:
            return []
        watermark, began = self._cursor.watermark, time.monotonic()
        start = watermark.start(began)
        jobs = self._take("", limit, start=start)
        search = Search(start=start, began=began, took=time.monotonic() - began)
        self._cursor.watermark = watermark.after_claim(search, jobs, wanted=limit)
        return jobs

    def _take_keyed(self, limit: int) -> list[Job]:
        """Take jobs with concurrency keys, each of the key that has the fewest running."""
        if limit < 1 or not self._queue.has_keyed:
            return []
        jobs: list[Job] = []
        for keys in self._find_keys():
            last = keys[-1]
            jobs += self._take_from(keys, limit - len(jobs))
            if len(jobs) == limit:
                return jobs
            self._cursor.key = last
        return jobs

    def _take_from(self, keys: list[str], limit: int) -> list[Job]:
        """Take jobs of these keys; if none of them has room, the claim waits for nobody."""
        if not any(self._admission.has_room_for(key) for key in keys):
            return []
        self._admission.lock()
        jobs: list[Job] = []
        while keys and len(jobs) < limit:
            key = min(keys, key=self._admission.running)
            taken = self._take(key, 1) if self._admission.has_room_for(key) else []
            if not taken:
                keys.remove(key)
                continue
            self._admission.note_claimed(self._queue, taken)
            self._cursor.key = key
            jobs += taken
        return jobs

    def _find_keys(self) -> Iterator[list[str]]:
        """Yield the keys that jobs wait with, those after the one served last first."""
        keys = self._walk_keys()
        for _ in range(MAX_PAGES):
            page = list(islice(keys, KEYS_PER_PAGE))
            if not page:
                return
            yield page

    def _walk_keys(self) -> Iterator[str]:
        """Yield each key once, in the database's order, which needn't be Python's."""
        seen: set[str] = set()
        for start in dict.fromkeys([self._cursor.key, ""]):
            page, has_more = [start], True
            while has_more:
                page = self._list_keys(page[-1])
                has_more = len(page) == KEYS_PER_PAGE and seen.isdisjoint(page)
                yield from (key for key in page if key not in seen)
                seen.update(page)

    def _list_keys(self, after: str) -> list[str]:
        return list_keys(self._connection, self._queue.name, after=after, limit=KEYS_PER_PAGE)

    def _take(self, key: str, limit: int, *, start: Position = BEGINNING) -> list[Job]:
        return take(
            self._connection,
            consumer=self._claimant.consumer,
            queue=self._queue.name,
            key=key,
            tasks=self._tasks,
            requirements=self._claimant.requirements,
            start=start,
            limit=limit,
        )
