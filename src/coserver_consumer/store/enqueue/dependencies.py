"""Jobs that wait for others: who waits for whom.

A row of ``coserver_dependency`` says that a job waits for a parent; ``waits_for`` of the job counts
its rows. ``dependents`` takes them away.

A job names its parents when it is added and never again. So there are no cycles: its parents were
there before it. Only ``repoint`` has to look out for one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.model.job import State
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.store.finish.dependents import resolve_dependents
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.fragments import lock, pages
from coserver_consumer.store.schema.merging import read_merged
from coserver_consumer.store.schema.rows import to_state


def attach(connection: Connection, jobs: Sequence[NewJob], made: Mapping[str, str]) -> None:
    """Have those of the jobs that name parents wait for them.

    ``made`` has the id under which each of them was added: another one if its unique key was held.
    For a parent that was merged into another job they wait for that one: it does the work. Raises
    ``InvalidJob`` for a parent that doesn't exist.
    """
    waiting = [job for job in jobs if job.options.after and made[job.id] == job.id]
    if not waiting:
        return
    _check_order(jobs)
    parents = {made.get(parent, parent) for job in waiting for parent in job.options.after}
    locked = _lock_and_follow(connection, parents - {job.id for job in jobs})
    _check_there(parents, locked, coming=set(made.values()))
    rows = [
        {"parent_id": parent, "job_id": job.id, "accepts_failure": job.options.accepts_failure}
        for job in waiting
        for parent in {locked.follow(made.get(parent, parent)) for parent in job.options.after}
    ]
    connection.execute(sa.insert(tables.dependency), rows)
    _rename_parents(connection, waiting, made)
    if locked.holders or made.keys() != set(made.values()):
        _count_waits(connection, [job.id for job in waiting])
    resolve_dependents(connection, locked.ended)


def _rename_parents(
    connection: Connection, jobs: Iterable[NewJob], made: Mapping[str, str]
) -> None:
    """Have the rows name the jobs that hold the keys of parents which weren't added."""
    for job in jobs:
        names = [made.get(parent, parent) for parent in job.options.after]
        if names != [*job.options.after]:
            named = sa.update(tables.job).where(tables.job.c.id == job.id)
            connection.execute(named.values(parents=[*dict.fromkeys(names)]))


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedParents:
    """Parents whose rows are locked. ``holders``: the job that each merged one was merged into."""

    live: set[str]
    ended: dict[str, State]
    holders: dict[str, str]

    def follow(self, parent: str) -> str:
        """Return the id of the job that does a parent's work, mostly its own."""
        for _ in self.holders:  # at most; rows that others write might lead around in circles
            parent = self.holders.get(parent, parent)
        return parent


def _lock_and_follow(connection: Connection, parents: Iterable[str]) -> LockedParents:
    """Lock parents, and for each one that was merged into another job that one as well."""
    live, ended = _lock_parents(connection, parents)
    locked = LockedParents(live=live, ended=ended, holders={})
    while merged := _find_merged(connection, ended):
        locked.holders.update(merged)
        live, ended = _lock_parents(
            connection, set(merged.values()) - locked.live - locked.ended.keys()
        )
        locked.live.update(live)
        locked.ended.update(ended)
    return locked


def _find_merged(connection: Connection, ended: Mapping[str, State]) -> dict[str, str]:
    """Return those of the ended jobs that were merged, and the job that each one leads to."""
    past, found = tables.history.c, {}
    for page in pages(job_id for job_id, state in ended.items() if state is State.CANCELLED):
        query = sa.select(past.id, past.result).where(past.id.in_(page))
        found.update({row.id: read_merged(row.result) for row in connection.execute(query)})
    return {job_id: holder for job_id, holder in found.items() if holder is not None}


def _check_there(parents: Iterable[str], locked: LockedParents, *, coming: set[str]) -> None:
    """Raise ``InvalidJob`` for a parent that nobody knows, or whose work nobody knows any more."""
    for parent in sorted(parents):
        holder = locked.follow(parent)
        if holder in coming or holder in locked.live or holder in locked.ended:
            continue
        if holder != parent:
            raise InvalidJob(
                f"Job {parent} left its work to job {holder}, which isn't there any more, so none "
                "can come after it."
            )
        raise InvalidJob(f"No job has the id {parent}, so none can come after it.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """A job that another waits for. ``state`` None: nobody knows it any more."""

    id: str
    state: State | None


def parents(connection: Connection, job_id: str, *, limit: int = 100) -> list[Parent]:
    """Return what a job still waits for, the ended ones first."""
    dependency, live, past = tables.dependency.c, tables.job.c, tables.history.c
    query = (
        sa.select(dependency.parent_id, live.state.label("live"), past.state.label("past"))
        .outerjoin(tables.job, live.id == dependency.parent_id)
        .outerjoin(tables.history, past.id == dependency.parent_id)
        .where(dependency.job_id == job_id)
        .order_by(past.state.is_(None), dependency.parent_id)
        .limit(limit)
    )
    return [
        Parent(id=row.parent_id, state=to_state(found) if (found := row.live or row.past) else None)
        for row in connection.execute(query)
    ]


def repoint(connection: Connection, job_id: str, holder_id: str) -> None:
    """Let what waits for a job wait for the one that does the same work, or has done it.

    That one, and what it waits for itself, still wait for the job: else there would be a cycle.
    """
    waiting = _find_children(connection, job_id)
    if not waiting:
        return
    _, ended = _lock_parents(connection, [holder_id])
    moving = waiting - _find_ancestors(connection, holder_id)
    both = moving & _find_children(connection, holder_id)
    dependency = tables.dependency.c
    for page in pages(sorted(moving - both)):
        one = sa.update(tables.dependency).where(dependency.job_id.in_(page))
        connection.execute(one.where(dependency.parent_id == job_id).values(parent_id=holder_id))
    for page in pages(sorted(both)):
        double = sa.delete(tables.dependency).where(dependency.job_id.in_(page))
        connection.execute(double.where(dependency.parent_id == job_id))
    _count_waits(connection, sorted(both))
    resolve_dependents(connection, ended)


def forget_parents(connection: Connection, job_id: str) -> None:
    """Let a job wait for nobody."""
    waits = sa.delete(tables.dependency).where(tables.dependency.c.job_id == job_id)
    connection.execute(waits)


def _find_children(connection: Connection, job_id: str) -> set[str]:
    dependency = tables.dependency.c
    query = sa.select(dependency.job_id).where(dependency.parent_id == job_id)
    return set(connection.execute(query).scalars())


def _find_ancestors(connection: Connection, job_id: str) -> set[str]:
    """Return a job, what it waits for, what that waits for, and so on."""
    dependency = tables.dependency.c
    found = {job_id}
    latest = {job_id}
    while latest:
        parents: set[str] = set()
        for page in pages(latest):
            query = sa.select(dependency.parent_id).where(dependency.job_id.in_(page))
            parents.update(connection.execute(query).scalars())
        latest = parents - found
        found |= latest
    return found


def _count_waits(connection: Connection, job_ids: Iterable[str]) -> None:
    """Count what live jobs wait for, some of whose parents turned out to be one."""
    dependency, job = tables.dependency.c, tables.job.c
    left = sa.select(sa.func.count()).where(dependency.job_id == job.id).scalar_subquery()
    for page in pages(job_ids):
        connection.execute(sa.update(tables.job).where(job.id.in_(page)).values(waits_for=left))


def resolve_missed(connection: Connection, job_ids: Sequence[str]) -> None:
    """Resolve which of their parents ended, or became one, while these jobs weren't live."""
    dependency = tables.dependency.c
    awaited: set[str] = set()
    for page in pages(job_ids):
        query = sa.select(dependency.parent_id).where(dependency.job_id.in_(page))
        awaited.update(connection.execute(query).scalars())
    _, ended = _lock_parents(connection, awaited)
    _count_waits(connection, job_ids)
    resolve_dependents(connection, ended)


def _check_order(jobs: Sequence[NewJob]) -> None:
    """Raise ``InvalidJob`` if one of them comes before a parent: only so could there be a cycle."""
    coming = {job.id for job in jobs}
    for job in jobs:
        early = coming.intersection(job.options.after)
        if early:
            raise InvalidJob(f"Job {job.id} can't be added before job {min(early)}, its parent.")
        coming.remove(job.id)


def _lock_parents(
    connection: Connection, parents: Iterable[str]
) -> tuple[set[str], dict[str, State]]:
    """Lock the parents, and note in their rows that they are; return the live and the ended ones.

    The ended ones are locked as well: they may be run again.
    """
    live: set[str] = set()
    ended: dict[str, State] = {}
    for page in pages(sorted(parents)):
        live |= _lock(connection, tables.job, page).keys()
        ended |= _lock(connection, tables.history, set(page) - live)
        revived = set(page) - live - ended.keys()
        live |= _lock(connection, tables.job, revived).keys()
    return live, ended


def _lock(connection: Connection, table: sa.Table, ids: Iterable[str]) -> dict[str, State]:
    """Lock those of the jobs that are in the table, and note that they are parents.

    Returns their states.
    """
    wanted = sorted(ids)
    if not wanted:
        return {}
    query = sa.select(table.c.id, table.c.state).where(table.c.id.in_(wanted)).order_by(table.c.id)
    found = {row.id: to_state(row.state) for row in lock(connection, query)}
    if found:
        noted = sa.update(table).where(table.c.id.in_(found)).values(is_parent=True)
        connection.execute(noted)
    return found
