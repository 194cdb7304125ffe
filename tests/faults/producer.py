"""A child that queues jobs as requests do, each with an object under the job's id.

A job says in its arguments whether an object belongs to it: a transaction that changes nothing in
the ZODB may queue as well.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import transaction
from transaction.interfaces import DoomedTransaction, TransientError
from ZEO.Exceptions import ClientDisconnected

from collective.coserver import datamanager
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.options import JobOptions
from faults import one_phase
from faults.child import TROUBLE, Life, commit
from faults.storages import OBJECTS, opened

TASK = "faults.produced"
JOIN = {"protocol": datamanager.join, "one-phase": one_phase.join}


class Veto(Exception):
    """Some data manager refuses, or fails when it is too late to refuse."""


class Vetoer:
    """A data manager of somebody else that fails at one method of the commit."""

    transaction_manager = None

    def __init__(self, sort_key: str, method: str) -> None:
        self._sort_key = sort_key
        setattr(self, method, self._refuse)

    def sortKey(self) -> str:  # noqa: N802
        """Sort where the test wants it."""
        return self._sort_key

    def _refuse(self, current: Any) -> None:
        raise Veto

    def _consent(self, current: Any) -> None:
        pass

    abort = tpc_begin = commit = tpc_vote = tpc_finish = tpc_abort = _consent


class Request:
    """One transaction: what it queues, and what it takes back."""

    def __init__(self, life: Life, objects: Any) -> None:
        self._join = JOIN[life.orders.way]
        self._objects = objects
        self.random = life.random
        self.kept: list[str] = []
        self.undone: list[str] = []

    def queue(self, *, writes: bool = True, **options: Any) -> str:
        """Queue one more job, with its object."""
        job = NewJob(task=TASK, args={"writes": writes}, options=JobOptions(**options))
        self._join(job)
        if writes:
            self._objects[job.id] = 1
        self.kept.append(job.id)
        return job.id

    def undo(self) -> None:
        """Note that nothing of it is to be there."""
        self.undone += self.kept
        self.kept.clear()


def one(request: Request) -> None:
    """Queue one job."""
    request.queue()


def several(request: Request) -> None:
    """Queue several jobs."""
    for _ in range(request.random.randint(2, 5)):
        request.queue()


def delayed(request: Request) -> None:
    """Queue a job for later."""
    request.queue(delay=3600)


def unique(request: Request) -> None:
    """Queue a job that others are likely to keep out."""
    request.queue(unique=f"key-{request.random.randint(1, 20)}")


def rolled_back(request: Request) -> None:
    """Queue a job, and another that a rollback takes back."""
    request.queue()
    savepoint = transaction.savepoint()
    request.undone.append(request.queue())
    request.kept.pop()
    savepoint.rollback()


def read_only(request: Request) -> None:
    """Queue without a change in the ZODB."""
    for _ in range(request.random.randint(1, 2)):
        request.queue(writes=False)


def aborted(request: Request) -> None:
    """Queue and think better of it."""
    request.queue()
    transaction.doom()


def vetoed_early(request: Request) -> None:
    """Have another refuse before the rows are written."""
    request.queue(writes=request.random.random() < 0.5)
    transaction.get().join(Vetoer("~", "tpc_vote"))


def vetoed_late(request: Request) -> None:
    """Have another refuse when the rows are staged."""
    request.queue()
    transaction.get().join(Vetoer("~~~", "tpc_vote"))


def failed_finish(request: Request) -> None:
    """Have another fail when the ZODB has committed: the jobs are neither kept nor undone."""
    request.queue()
    request.kept.clear()
    transaction.get().join(Vetoer("~", "tpc_finish"))


Kind = Callable[[Request], None]
KINDS: dict[str, list[Kind]] = {
    "any": [one] * 12
    + [several, delayed, unique, rolled_back, read_only] * 2
    + [aborted, vetoed_early, vetoed_late, failed_finish],
    "plain": [one, one, several],
    "one": [one],
}


def produce(life: Life) -> None:
    """Make one request after the other, until so many were served as there is a limit."""
    served = 0
    while served != life.orders.limit and life.goes_on:
        kind = life.random.choice(KINDS[life.orders.kinds])
        try:
            while not serve(life, kind):
                pass
            served += 1
        except TROUBLE as error:
            life.recover(error)


def serve(life: Life, kind: Kind) -> bool:
    """Make one request and note what is certain of it; return False after a conflict."""
    with opened(life.db) as connection:
        request = Request(life, connection.root()[OBJECTS])
        is_done = perform(request, kind)
    life.journal.say("aborted", request.undone)
    if request.kept:
        life.journal.say("committed", request.kept)
    return is_done


def perform(request: Request, kind: Kind) -> bool:
    """Do the request and commit; return False after a conflict."""
    try:
        kind(request)
        commit()
    except (DoomedTransaction, Veto):
        request.undo()
    except TransientError as error:
        if isinstance(error, ClientDisconnected):  # it may have come after the commit
            raise
        request.undo()
        return False
    return True
