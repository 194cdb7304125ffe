"""A child that runs jobs: each counts in the ZODB, once if all is well, and may queue others.

What it counts isn't idempotent: a job that runs twice to its end is seen.
"""

from __future__ import annotations

import os
import socket
from typing import Any

from transaction.interfaces import TransientError

from collective.coserver import datamanager
from collective.coserver.database.engine import write
from collective.coserver.datamanager.effect import Effect, LostRun
from collective.coserver.publication.freshness import catch_up
from coserver_consumer.model import lifecycle
from coserver_consumer.model.job import Job, new_id
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.options import JobOptions
from coserver_consumer.model.outcome import Completed, Failed
from coserver_consumer.retry import Backoff
from coserver_consumer.store import claim, finish, maintain
from faults import one_phase
from faults.child import TROUBLE, Life, commit
from faults.storages import COUNTERS, OBJECTS, opened
from support.waiting import wait_for

TASK = "faults.count"
TRIES = 3  # Zope does a request again after a conflict, so many times
ATTEMPTS = 1000


def counting(*, children: int = 0, writes: bool = True, parent: str | None = None) -> NewJob:
    """Return a job that counts, unless it only reads, and queues so many more."""
    args = {"children": children, "writes": writes, "parent": parent}
    return NewJob(task=TASK, args=args, options=JobOptions(max_attempts=ATTEMPTS))


def consume(life: Life) -> None:
    """Run jobs for ever; after trouble with the queue as a new consumer."""
    while life.goes_on:
        consumer = Consumer(life)
        try:
            while life.goes_on:
                wait_for(consumer.turn, what="jobs", within=3600)
        except TROUBLE as error:
            life.recover(error)


class Consumer:
    """One consumer with one thread, whose Zope is itself."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self._id = ""

    def turn(self) -> bool:
        """Claim some jobs and run them; return True if there were any, or nobody needs us."""
        self._beat()
        jobs = write(self._claim)
        for job in jobs:
            self._run(job)
            self._beat()
        return bool(jobs) or not self._life.goes_on

    def _beat(self) -> None:
        """Renew the leases, or begin anew if we were given up."""
        if not self._id or not write(lambda sql: maintain.heartbeat(sql, self._id)).alive:
            self._id = new_id()
            write(lambda sql: maintain.register(sql, self._describe()))
            self._life.journal.say("registered", [self._id])

    def _describe(self) -> maintain.ConsumerInfo:
        return maintain.ConsumerInfo(
            id=self._id,
            name="faults",
            hostname=socket.gethostname(),
            pid=os.getpid(),
            queues=("default",),
            tasks=(TASK,),
            capabilities=(),
            threads=1,
            version="1",
        )

    def _claim(self, connection: Any) -> list[Job]:
        limit = self._life.random.randint(1, 3)
        return claim.claim(
            connection, consumer=self._id, queues=["default"], tasks=[TASK], limit=limit
        )

    def _run(self, job: Job) -> None:
        """Make one attempt, and tell how it failed if it did."""
        try:
            self._attempt(job)
        except LostRun:
            self._life.journal.say("lost", [job.id])
            self._tell_failure(job)
        except TROUBLE as error:
            self._life.journal.say("refused", [job.id])
            self._life.recover(error)
            self._tell_failure(job)
        else:
            self._life.journal.say("completed", [job.id])

    def _attempt(self, job: Job) -> None:
        """Do the job as Zope does a request: again after a conflict."""
        for left in reversed(range(TRIES)):
            try:
                catch_up(job)
                WAYS[self._life.orders.way](self._life, job)
            except TransientError:
                if not left:
                    raise
            else:
                return

    def _tell_failure(self, job: Job) -> None:
        """Do as a consumer whose request failed; nothing if the attempt isn't ours any more."""
        backoff = Backoff(base=0.01, cap=0.01)
        ending = lifecycle.conclude(job, Failed(error="in vain"), backoff=backoff)
        write(lambda connection: finish.end_attempts(connection, [ending]))


def work(life: Life, job: Job, root: Any) -> None:
    """Do what the job is for."""
    if job.args["parent"] and job.args["writes"] and job.id not in root[OBJECTS]:
        life.journal.say("missing", [job.id])
    if job.args["writes"]:
        root[COUNTERS][job.id] = root[COUNTERS].get(job.id, 0) + 1


def queue_children(job: Job, root: Any) -> None:
    """Queue what the job has to queue, as a part of its transaction."""
    for _ in range(job.args["children"]):
        child = counting(parent=job.id, writes=job.args["writes"])
        if job.args["writes"]:
            root[OBJECTS][child.id] = 1
        datamanager.join(child)


def by_protocol(life: Life, job: Job) -> None:
    """Let the commit of the work be the end of the job."""
    with opened(life.db) as connection:
        work(life, job, connection.root())
        queue_children(job, connection.root())
        datamanager.join_effect(Effect(job.key, Completed))
        commit()


def in_one_phase(life: Life, job: Job) -> None:
    """End the job through zope.sqlalchemy, in the vote."""
    with opened(life.db) as connection:
        work(life, job, connection.root())
        one_phase.join_effect(job.key)
        commit()


def afterwards(life: Life, job: Job) -> None:
    """Tell the end of the job when its work is committed."""
    with opened(life.db) as connection:
        work(life, job, connection.root())
        commit()
    ending = lifecycle.complete(job)
    write(lambda sql: finish.end_attempts(sql, [ending]))


WAYS = {"protocol": by_protocol, "one-phase": in_one_phase, "afterwards": afterwards}
