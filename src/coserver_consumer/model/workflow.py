"""Workflows: chains, groups and follow-ups. Pure: new jobs that say what they come after.

They are returned in the order in which they are to be added.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.model.exception_text import brief
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.options import read_flag
from coserver_consumer.model.value_types import HOW


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The members of a group, and the jobs that come after all of them."""

    members: tuple[NewJob, ...]
    on_success: NewJob | None = None
    on_failure: NewJob | None = None

    @property
    def jobs(self) -> list[NewJob]:
        """All of them, in the order in which they are to be added."""
        last = [job for job in (self.on_success, self.on_failure) if job is not None]
        return [*self.members, *last]

    def added_as(self, ids: Iterable[str]) -> Group:
        """Return the group under the ids that its ``jobs`` were added as, in this order.

        That of a member is another job's if that one has its unique key.
        """
        names = {job.id: added for job, added in zip(self.jobs, ids, strict=True)}
        return Group(
            members=tuple(_rename(job, names) for job in self.members),
            on_success=self.on_success and _rename(self.on_success, names),
            on_failure=self.on_failure and _rename(self.on_failure, names),
        )


def chain(jobs: Iterable[NewJob], *, accepts_failure: bool = False) -> list[NewJob]:
    """Return the jobs, each after the one before; raise ``InvalidJob`` for what is no job.

    A failed one blocks those behind it, until it is run again and completed; if they accept
    failure, they go on.
    """
    links = read_jobs(jobs)
    accepts_failure = read_flag("accepts_failure", accepts_failure)
    if not links:
        return []
    following = [
        _put_after(job, [before.id], accepts_failure=accepts_failure)
        for before, job in pairwise(links)
    ]
    return [links[0], *following]


def group(
    jobs: Iterable[NewJob],
    *,
    on_success: NewJob | None = None,
    on_failure: NewJob | None = None,
    serial: bool = False,
) -> Group:
    """Return the jobs with what follows them.

    ``on_success`` runs once all are completed. ``on_failure`` runs once all have ended, if one has
    failed, expired or was cancelled; otherwise it is cancelled. With ``serial`` the members run one
    after another, whatever becomes of the one before. Raises ``InvalidJob`` for what is no job, and
    for no members.
    """
    members = read_jobs(jobs)
    for end in (on_success, on_failure):
        read_jobs([] if end is None else [end])
    if not members:
        raise InvalidJob("A group needs at least one job.")
    if read_flag("serial", serial):
        members = chain(members, accepts_failure=True)
    success, failure = _follow([job.id for job in members], on_success, on_failure)
    return Group(members=tuple(members), on_success=success, on_failure=failure)


def with_follow_ups(jobs: Iterable[NewJob]) -> list[NewJob]:
    """Return the jobs, each with the follow-ups that its options say behind it, and theirs.

    A follow-up runs after its job as that of a group with this one member does. Raises
    ``InvalidJob`` for what can't be one, and for one that is there twice.
    """
    found: list[NewJob] = []
    follow_ups: set[str] = set()
    coming = deque(jobs)
    while coming:
        job = coming.popleft()
        found.append(job)
        ends = _find_follow_ups(job)
        follow_ups.update(end.id for end in ends)
        coming.extendleft(reversed(ends))
    _refuse_shared(found, follow_ups)
    return found


def _refuse_shared(jobs: Iterable[NewJob], follow_ups: Collection[str]) -> None:
    """Raise ``InvalidJob`` if one of the follow-ups is among the jobs twice."""
    seen: set[str] = set()
    for job in jobs if follow_ups else ():
        if job.id in seen and job.id in follow_ups:
            raise InvalidJob(
                f"Job '{job.title or job.task}' is an on_success or on_failure, which goes with a "
                "single job, and would be queued twice. Make one for each job, or queue these as a "
                "group: what follows a group comes after all of its members."
            )
        seen.add(job.id)


def _find_follow_ups(job: NewJob) -> list[NewJob]:
    said = job.options
    if said.on_success is None and said.on_failure is None:
        return []
    ends = [read_jobs([end])[0] if end else None for end in (said.on_success, said.on_failure)]
    return [end for end in _follow([job.id], *ends) if end is not None]


def _follow(
    ids: Iterable[str], on_success: NewJob | None, on_failure: NewJob | None
) -> tuple[NewJob | None, NewJob | None]:
    """Return the two as jobs that come after these."""
    if on_success is not None:
        _refuse_key(on_success)
        on_success = _put_after(on_success, ids)
    if on_failure is not None:
        _refuse_key(on_failure)
        _refuse_follow_ups(on_failure)
        last = _put_after(on_failure, ids, accepts_failure=True)
        on_failure = replace(last, only_if_failed=True)
    return on_success, on_failure


def _refuse_key(job: NewJob) -> None:
    """Raise ``InvalidJob`` for one that has a unique key: it might be left out without a word."""
    if job.options.unique is None:
        return
    raise InvalidJob(
        f"Job '{job.title or job.task}' is an on_success or on_failure, so it can't have a unique "
        f"key ('{job.options.unique}'): while another job held the key it would be left out, and "
        "nobody would learn how its own job ended; and while it waited, every other job with the "
        "key would be left out. Leave the key out (unique=None if its task says one), and let the "
        "follow-up's own code queue a job with the key."
    )


def _refuse_follow_ups(job: NewJob) -> None:
    """Raise ``InvalidJob`` for one that has some: if it isn't needed they would wait for ever."""
    if job.options.on_success is not None or job.options.on_failure is not None:
        raise InvalidJob(
            f"Job '{job.title or job.task}' is to run if others fail, so it can't have follow-ups "
            "of its own: nothing would become of them if none fails. Have its own code queue them."
        )


def _put_after(
    job: NewJob, parents: Iterable[str], *, accepts_failure: bool | None = None
) -> NewJob:
    """Return the job as one that comes after these as well.

    ``accepts_failure`` None leaves it as the job says itself.
    """
    said = job.options
    accepts = said.accepts_failure if accepts_failure is None else accepts_failure
    return replace(job, options=said.change(after=(*said.after, *parents), accepts_failure=accepts))


def _rename(job: NewJob, names: Mapping[str, str]) -> NewJob:
    """Return the job with new ids for itself and for those that it comes after."""
    parents = dict.fromkeys(names.get(parent, parent) for parent in job.options.after)
    return replace(job, options=job.options.change(id=names[job.id], after=tuple(parents)))


def read_jobs(jobs: Any) -> list[NewJob]:
    """Return the jobs of a list; raise ``InvalidJob`` for what is none."""
    if isinstance(jobs, str | bytes | Mapping | NewJob) or not isinstance(jobs, Iterable):
        raise InvalidJob(f"Jobs are given as a list, such as [{HOW}], not as {brief(jobs)}.")
    found = [*jobs]
    for job in found:
        if not isinstance(job, NewJob):
            raise InvalidJob(f"{brief(job)} is no job that can be queued; wanted {HOW}.")
    return found
