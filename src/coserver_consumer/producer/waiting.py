"""Waiting for jobs to end, with one look at all of them at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection

from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.model.exception_text import brief
from coserver_consumer.model.job import Job, State
from coserver_consumer.model.value_types import read_texts
from coserver_consumer.model.workflow import Group
from coserver_consumer.store import manage

Read = Callable[[Callable[[Connection], Any]], Any]
"""Returns what a function returns for a connection that reads."""

FindOther = Callable[[Job], str | None]

FIRST_POLL_S = 0.05  # the first pause between two looks; the pauses double up to the last
LAST_POLL_S = 1.0


def read_ids(jobs: Group | Iterable[str]) -> list[str]:
    """Return the ids of a group's members, or those in a list; raise ``InvalidJob``.

    What follows the members isn't waited for: if one has failed, ``on_success`` waits until that
    one was run again.
    """
    if isinstance(jobs, Group):
        return [job.id for job in jobs.members]
    if isinstance(jobs, str):
        raise InvalidJob(f"Jobs are given as a list of ids, such as [{brief(jobs)}], or a group.")
    return list(read_texts("jobs", jobs))


def wait_many(
    read: Read,
    job_ids: Sequence[str],
    timeout: float | None,
    *,
    find_other: FindOther = lambda _: None,
) -> list[Job]:
    """Return the jobs, in this order, once all have ended.

    ``find_other`` gives the id of a job that does an ended one's work in its stead: that one is
    waited for, and returned. Raises ``TimeoutError`` after ``timeout`` seconds (None: never), and
    ``JobNotFound``.
    """
    look = _Look(job_ids, find_other)
    end = time.monotonic() + timeout if timeout is not None else None
    pause = FIRST_POLL_S
    while live := read(look.take):
        left = end - time.monotonic() if end is not None else pause
        if left <= 0:
            raise TimeoutError(_say_late(live, len(look.ids), timeout or 0))
        time.sleep(min(pause, left))
        pause = min(pause * 2, LAST_POLL_S)
    return [look.find(job_id) for job_id in look.ids]


class _Look:
    """What is known of some jobs after so many looks; what has ended isn't looked at again."""

    def __init__(self, job_ids: Sequence[str], find_other: FindOther) -> None:
        self.ids = [manage.require_id(job_id) for job_id in job_ids]
        self._find_other = find_other
        self._others: dict[str, str] = {}
        self._ended: dict[str, Job] = {}

    def take(self, connection: Connection) -> dict[str, State]:
        """Return the states of those that are live still."""
        live: dict[str, State] = {}
        asked = [each for each in {*self.ids, *self._others.values()} if each not in self._ended]
        while asked:
            live |= self._look_at(connection, asked)
            asked = self._find_others(asked)
        return live

    def find(self, job_id: str) -> Job:
        """Return the job that ended with this id, or did its work."""
        while other := self._others.get(job_id):
            job_id = other
        return self._ended[job_id]

    def _look_at(self, connection: Connection, asked: Sequence[str]) -> dict[str, State]:
        live = manage.find_live(connection, asked)
        gone = [each for each in asked if each not in live]
        self._ended |= manage.find_ended(connection, gone)
        for job_id in gone:
            if job_id not in self._ended:  # it was run again between the two, or isn't there
                job = manage.get(connection, job_id)
                live |= {job_id: job.state} if job.state.is_live else {}
                self._ended |= {} if job.state.is_live else {job_id: job}
        return live

    def _find_others(self, asked: Sequence[str]) -> list[str]:
        """Note which jobs do the work of those that have ended; return those that are new."""
        known, new = {*self.ids, *self._others.values()}, []
        for job_id in asked:
            job = self._ended.get(job_id)
            other = None if job is None else self._find_other(job)
            if other and other not in self._others:
                self._others[job_id] = other
                new += [] if other in known else [other]
        return new


def _say_late(live: dict[str, State], number: int, timeout: float) -> str:
    (first, state), *more = live.items()
    if number == 1:
        return f"Job {first} is still {state} after {timeout:g} s."
    others = f" and {len(more)} more" if more else ""
    return (
        f"{len(live)} of {number} jobs haven't ended after {timeout:g} s: job {first}, which is "
        f"{state}{others}."
    )
