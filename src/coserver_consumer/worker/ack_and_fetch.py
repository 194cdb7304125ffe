"""The rounds of a consumer: each is one transaction, which tells endings and claims jobs."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from coserver_consumer import store
from coserver_consumer.model.errors import StoreUnavailable
from coserver_consumer.model.job import Job, RunKey
from coserver_consumer.model.lifecycle import release
from coserver_consumer.runtime.database import Database
from coserver_consumer.runtime.logs import job_logs
from coserver_consumer.runtime.registration import Registration
from coserver_consumer.store import Snapshot
from coserver_consumer.worker.inflight import InFlight
from coserver_consumer.worker.run import EndedRun
from coserver_consumer.worker.snapshot_cache import SnapshotCache


@dataclass(frozen=True, slots=True)
class Round:
    """What one transaction did: endings that were ours, jobs claimed, jobs nobody ran.

    ``unstarted`` are the claimed ones whose start is to be written when a thread begins them.
    ``twins`` are rows with the ids of jobs that have ended, which are gone.
    """

    ours: set[RunKey]
    claimed: list[Job]
    unstarted: set[RunKey]
    orphans: list[Job]
    twins: frozenset[RunKey] = frozenset()


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many jobs are wanted, and how many of them will begin at once.

    ``is_notified``: a producer says that there are some.
    """

    number: int
    idle: int
    is_notified: bool = False


class Rounds:
    """Makes them for one consumer, and remembers where its last claim came to."""

    def __init__(
        self,
        database: Database,
        registration: Registration,
        in_flight: InFlight,
        *,
        max_result: int,
    ) -> None:
        self._database = database
        self._registration = registration
        self._in_flight = in_flight
        self._max_result = max_result
        self._cursors = store.Cursors()
        self._snapshots = SnapshotCache(registration, self._cursors)

    def is_worth_it(self) -> bool:
        """Return True if a claim may find something, after a snapshot that writes nothing."""
        snapshot = self._database.read(self._snapshots.read)
        return snapshot.has_work or snapshot.is_due

    def make(self, results: list[EndedRun], wanted: Wanted, *, is_doubtful: bool) -> Round:
        """Tell and claim in one transaction, which may be tried more than once.

        ``is_doubtful``: the last one may have been committed although it raised an error.
        """

        def work(connection: Connection) -> Round:
            orphans = self._find_orphans(connection) if is_doubtful else []
            written = [result.ending for result in results if result.ending.is_written]
            told = [result.ending for result in results if not result.ending.is_written]
            endings = told + [release(job) for job in orphans]
            ours = store.end_attempts(connection, endings, max_result=self._max_result)
            ours |= {ending.key for ending in written}
            claimed = self._claim(connection, wanted) if wanted.number else []
            twins = store.refuse_twins(connection, claimed)
            claimed = [job for job in claimed if job.key not in twins]
            unstarted = {job.key for job in claimed[wanted.idle :] if _needs_start(job)}
            store.note_prefetched(connection, [key.job_id for key in unstarted])
            return Round(ours, claimed, unstarted, orphans, twins)

        done = self._database.write(work)
        if len(done.claimed) < wanted.number:
            self._snapshots.is_exhausted = True
        return done

    def tell(self, result: EndedRun) -> Round | None:
        """Tell one ending; return None if the database refuses it as it is."""
        try:
            ours = self._database.write(
                lambda connection: store.end_attempts(connection, [result.ending])
            )
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001  whatever the driver raises
            job_logs.ending_refused(result.ending.key, error)
            return None
        return Round(ours, [], set(), [])

    def _claim(self, connection: Connection, wanted: Wanted) -> list[Job]:
        """Take up to so many jobs, for idle threads and ahead.

        Where the last claim left nothing, a snapshot comes first, unless a producer has notified.
        """
        snapshots = self._snapshots
        if wanted.is_notified or not snapshots.is_exhausted:
            claimed = self._take(connection, snapshots.recent(connection), wanted)
            if claimed or not snapshots.is_exhausted:
                return claimed
        snapshot = snapshots.read_with_due(connection)
        return self._take(connection, snapshot, wanted) if snapshot.has_work else []

    def _take(self, connection: Connection, snapshot: Snapshot, wanted: Wanted) -> list[Job]:
        info = self._registration.info
        claimer = store.Claimer(
            consumer=info.id,
            tasks=info.tasks,
            requirements=snapshot.requirements,
            unavailable=self._registration.unavailable,
        )
        return store.claim_from(
            connection,
            snapshot,
            claimer,
            self._cursors,
            limit=wanted.number,
            idle=wanted.idle,
        )

    def _find_orphans(self, connection: Connection) -> list[Job]:
        """Return jobs that a round claimed whose commit succeeded and whose answer was lost."""
        held = store.held(connection, self._registration.id)
        known = self._in_flight.keys()
        return [job for job in held if job.key not in known]


def _needs_start(job: Job) -> bool:
    """Return True if it matters when a prefetched job begins; see ``store.claim.prefetched``."""
    return job.timeout is not None or job.rescues > 0
