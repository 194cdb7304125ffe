"""Acknowledge and fetch: one transaction that writes endings and claims the next jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from coserver_consumer.model.errors import StoreUnavailable
from coserver_consumer.model.job import Job, RunKey
from coserver_consumer.model.lifecycle import Ending, release
from coserver_consumer.runtime.database import Database
from coserver_consumer.runtime.logs import job_logs
from coserver_consumer.runtime.registration import Registration
from coserver_consumer.store import claim, finish, manage
from coserver_consumer.store.claim import Snapshot
from coserver_consumer.worker.demand import Demand
from coserver_consumer.worker.inflight import InFlight
from coserver_consumer.worker.run import EndedRun
from coserver_consumer.worker.snapshot_cache import SnapshotCache


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What one transaction did: the jobs that it claimed, and how the attempts ended.

    ``acknowledged`` are those that were ours, each with what the store has made of it.
    ``unstarted`` are the claimed jobs whose start is to be written when a thread begins them.
    ``orphans`` were claimed before, and nobody runs them; they have been given back.
    ``duplicates`` were rows with the ids of jobs that have ended; they have been removed.
    """

    acknowledged: Mapping[RunKey, Ending]
    claimed: Sequence[Job] = ()
    unstarted: set[RunKey] = field(default_factory=set)
    orphans: Sequence[Job] = ()
    duplicates: frozenset[RunKey] = frozenset()


class AckAndFetch:
    """Does so for one consumer, and remembers how far its last claim came."""

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
        self._cursors = claim.Cursors()
        self._snapshots = SnapshotCache(registration, self._cursors)

    def may_find_jobs(self) -> bool:
        """Return True if a claim may find something, after a snapshot that writes nothing."""
        snapshot = self._database.read(self._snapshots.read)
        return snapshot.has_work or snapshot.is_due

    def commit(
        self, ended: Sequence[EndedRun], demand: Demand, *, last_commit_in_doubt: bool
    ) -> Receipt:
        """Write the endings and claim jobs in one transaction, which may be tried more than once.

        ``last_commit_in_doubt``: it may have succeeded although it raised an error.
        """

        def work(connection: Connection) -> Receipt:
            orphans = self._find_orphans(connection) if last_commit_in_doubt else []
            acknowledged = self._acknowledge(connection, ended, orphans)
            claimed = self._claim(connection, demand) if demand.jobs else []
            duplicates = finish.remove_duplicates(connection, claimed)
            claimed = [job for job in claimed if job.key not in duplicates]
            return Receipt(
                acknowledged=acknowledged,
                claimed=claimed,
                unstarted=_note_prefetched(connection, claimed[demand.idle_threads :]),
                orphans=orphans,
                duplicates=duplicates,
            )

        receipt = self._database.write(work)
        if len(receipt.claimed) < demand.jobs:
            self._snapshots.is_exhausted = True
        return receipt

    def write_ending(self, ended: EndedRun) -> Receipt | None:
        """Write one ending alone; return None if the database refuses it as it is."""
        try:
            acknowledged = self._database.write(
                lambda connection: finish.end_attempts(
                    connection, [ended.ending], max_result=self._max_result
                )
            )
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001  whatever the driver raises
            job_logs.ending_refused(ended.ending.key, error)
            return None
        return Receipt(acknowledged=acknowledged)

    def _acknowledge(
        self, connection: Connection, ended: Sequence[EndedRun], orphans: Sequence[Job]
    ) -> dict[RunKey, Ending]:
        """Write the endings that the database doesn't have; return those that were ours."""
        written = {each.ending.key: each.ending for each in ended if each.ending.is_written}
        unwritten = [each.ending for each in ended if not each.ending.is_written]
        endings = unwritten + [release(job) for job in orphans]
        return written | finish.end_attempts(connection, endings, max_result=self._max_result)

    def _find_orphans(self, connection: Connection) -> list[Job]:
        """Return the jobs of a claim whose commit succeeded and whose answer was lost."""
        held = manage.find_leased(connection, self._registration.id)
        known = self._in_flight.keys()
        return [job for job in held if job.key not in known]

    def _claim(self, connection: Connection, demand: Demand) -> list[Job]:
        """Take jobs for idle threads, and prefetch some.

        Where the last claim left nothing, a snapshot comes first, unless a producer has notified.
        """
        snapshots = self._snapshots
        if demand.is_notified or not snapshots.is_exhausted:
            claimed = self._take(connection, snapshots.recent(connection), demand)
            if claimed or not snapshots.is_exhausted:
                return claimed
        snapshot = snapshots.read_with_due(connection)
        return self._take(connection, snapshot, demand) if snapshot.has_work else []

    def _take(self, connection: Connection, snapshot: Snapshot, demand: Demand) -> list[Job]:
        info = self._registration.info
        claimant = claim.Claimant(
            consumer=info.id,
            tasks=info.tasks,
            requirements=snapshot.requirements,
            unavailable=self._registration.unavailable,
        )
        return claim.claim_from(
            connection,
            snapshot,
            claimant,
            self._cursors,
            limit=demand.jobs,
            idle=demand.idle_threads,
        )


def _note_prefetched(connection: Connection, prefetched: Sequence[Job]) -> set[RunKey]:
    """Note in the store which prefetched jobs it mustn't take for begun; return these.

    It matters where a timeout counts from the start, where only a job that was begun can have
    killed its consumer, and where one that isn't begun may expire; see ``store.claim.prefetched``.
    """
    keys = {job.key for job in prefetched if _matters_when_it_begins(job)}
    claim.note_prefetched(connection, [key.job_id for key in keys])
    return keys


def _matters_when_it_begins(job: Job) -> bool:
    return job.timeout is not None or job.rescues > 0 or job.expires_at is not None
