"""Whatever is added, limited, ended and killed: the store does as a simple model says.

Limits are never exceeded, nothing is stuck, nothing is lost.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Connection, Engine

from consumer.store.rules_model import BUSY, DAY, PAST, Known, Model, Rules
from coserver_consumer import store
from coserver_consumer.diagnosis.why import explain
from coserver_consumer.errors import WrongState
from coserver_consumer.model import workflow
from coserver_consumer.model.job import Job, RunKey, State, new_id
from coserver_consumer.model.lifecycle import Ending, conclude
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.outcome import Cancelled, Completed, Failed, Released, Snoozed
from coserver_consumer.retry import Backoff
from coserver_consumer.store import claim, enqueue, finish, maintain, manage
from coserver_consumer.store.claim.watermark import REUSE_MAX_S
from coserver_consumer.store.schema import tables
from support.new_jobs import make_new
from support.waiting import wait_for

EXAMPLES = int(os.environ.get("COSERVER_RULES_EXAMPLES", "35"))  # on each database
QUICK = 3  # times as many on SQLite, which takes a third of the time
QUEUES = ("a", "b")
KEYS = (None, None, "t:x", "t:Y", "solo", "solo")
LIMITS = ("*", "t:*", "t:x", "solo")
EXPIRIES = st.sampled_from([None] * 5 + [2 * DAY, 3 * DAY])  # no example lasts so long
NUMBERS = st.sampled_from([None, None, 0, 1, 2])
MOST_RESCUES = st.sampled_from([1, 2, 3])
ENDED = tuple(state for state in State if not state.is_live)
UNIQUE = st.sampled_from([(None, None)] * 4 + [("k", None), ("k", 0), ("k", DAY)])
OUTCOMES = st.sampled_from(
    [Completed()] * 6
    + [Failed(error="no", retry=False)] * 3
    + [Failed(error="no", retry_after=DAY), Snoozed(delay=0), Snoozed(delay=DAY)]
    + [Released(), Cancelled()]
)
ACTIONS = [
    *["add"] * 6,
    *["add_several", "add_group", "add_chain"] * 2,
    *["stage", "promote", "end_batch", "come_back"],
    *["commit"] * 3,
    *["claim"] * 12,
    *["finish"] * 10,
    *["vote"] * 3,
    *["resolve"] * 2,
    *["complete_at_once", "tell_stale", "cancel", "ask"],
    *["retry"] * 4,
    *["die", "silence", "leave"],
    *["let_pass"] * 4,
    *["expire"] * 2,
    *["limit"] * 2,
    *["rule_queue"] * 3,
]

pytestmark = pytest.mark.timeout(600 + 10 * EXAMPLES)


class Machine(RuleBasedStateMachine):
    """Two consumers, and whoever adds jobs and changes rules, one after the other."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine
        self.model = Model({name: Rules() for name in QUEUES})
        self.claimed: dict[RunKey, Job] = {}  # all attempts there ever were
        self.batches: list[str] = []
        self.consumers: dict[str, claim.Cursors] = {}
        self._write(_empty)
        for _ in range(2):
            self._start()

    @rule(action=st.sampled_from(ACTIONS), data=st.data())
    def act(self, action: str, data: st.DataObject) -> None:
        """Do something.

        A single rule, because Hypothesis leaves some rules out of most of its runs.
        """
        self.draw = data.draw
        getattr(self, action)()

    @invariant()
    def store_holds_what_the_model_says(self) -> None:
        """Compare all jobs, who runs them and what they wait for."""
        live, ended, waits = self._write(_read)
        known = self.model.jobs.values()
        assert {row.id: (row.state, row.run) for row in ended} == {
            job.new.id: (job.state, job.run) for job in known if not job.state.is_live
        }
        assert {
            row.id: (row.state, row.run, row.attempt, row.rescues, row.consumer, _expires(row))
            for row in live
        } == {
            job.new.id: (job.state, job.run, job.attempt, job.rescues, job.consumer, job.expires)
            for job in known
            if job.state.is_live
        }
        assert {row.id: row.held_key for row in live if row.held_key} == {
            job.new.id: job.new.options.unique for job in known if job.holds_key
        }
        for row in live:
            job = self.model.jobs[row.id]
            found = row.waits_for, waits.get(row.id, set()), row.failed_parents > 0
            assert found == (len(job.waits), job.waits, job.has_failed_parent)

    def teardown(self) -> None:
        """Lift all rules, and let every job be completed: nothing is stuck."""
        self._lift()
        for batch in self.batches:
            self._promote(batch)
        self.expire()
        while self.model.ids(*State) != (done := self.model.ids(State.COMPLETED)):
            self._unblock()
            self._end_all()
            self.store_holds_what_the_model_says()
            still = self.model.ids(State.COMPLETED)
            waiting = self.model.ids(*[state for state in State if state.is_live])
            if not waiting:
                break
            assert len(still) > len(done), f"stuck: {[self.model.jobs[i] for i in waiting]}"

    # What producers do.

    def add(self) -> None:
        """Add a job."""
        self._add([self._make(after=self._parents())])

    def add_several(self) -> None:
        """Add jobs, of which the last comes after the others and maybe more."""
        jobs = [self._make() for _ in range(self.draw(st.integers(1, 3)))]
        after = (*[job.id for job in jobs], *self._parents())
        self._add([*jobs, self._make(after=after)])

    def add_group(self) -> None:
        """Add a group with all that follows it."""
        self._add(self._make_group())

    def add_chain(self) -> None:
        """Add a chain."""
        links = [self._make() for _ in range(self.draw(st.integers(1, 3)))]
        self._add(workflow.chain(links, accepts_failure=self.draw(st.booleans())))

    def stage(self) -> None:
        """Have a transaction vote that adds a group, or a job."""
        is_group = self.draw(st.sampled_from([False, False, True]))
        jobs = self._make_group() if is_group else [self._make(after=self._parents())]
        batch = new_id()
        self._write(enqueue.stage, jobs, batch=batch, evidence={})
        self.model.stage(jobs, batch)
        self.batches.append(batch)

    def promote(self) -> None:
        """Have it commit, maybe after it was taken for dead."""
        if self.batches:
            self._promote(self.draw(st.sampled_from(self.batches)))

    def end_batch(self) -> None:
        """Take a transaction for dead, or for one that nobody knows about."""
        if self.batches:
            batch = self.draw(st.sampled_from(self.batches))
            is_dropped = self.draw(st.booleans())
            self._write(enqueue.drop_staged if is_dropped else enqueue.abandon_staged, batch)
            self.model.end_batch(batch, State.DROPPED if is_dropped else State.UNKNOWN)

    def commit(self) -> None:
        """Have a transaction vote and commit."""
        self.stage()
        self._promote(self.batches[-1])

    def come_back(self) -> None:
        """Take a transaction for dead, until it commits."""
        self.stage()
        batch = self.batches[-1]
        self._write(enqueue.drop_staged, batch)
        self.model.end_batch(batch, State.DROPPED)
        self._promote(batch)

    # What consumers do.

    def claim(self) -> None:
        """Claim some jobs, anew or from where the consumer was."""
        consumer = self.draw(st.sampled_from(sorted(self.consumers)))
        queues = self.draw(st.sampled_from([("a", "b"), ("b", "a"), ("a", "b"), ("b",)]))
        limit = self.draw(st.integers(1, 9))
        if self.draw(st.booleans()):
            self._claim(consumer, queues, limit)
        else:
            self._claim_on(
                consumer, queues, limit, idle=self.draw(st.sampled_from([limit, limit, 1, 0]))
            )

    def finish(self) -> None:
        """End some attempts, and some that are over."""
        current = [key for key in self.claimed if self.model.is_current(key)]
        if not current:
            self.claim()
            return
        keys = current if self.draw(st.booleans()) else [self.draw(st.sampled_from(current))]
        over = self.draw(st.lists(st.sampled_from([*self.claimed]), max_size=1))
        self._finish([self._conclude(key) for key in sorted({*keys, *over})])

    def tell_stale(self) -> None:
        """Have an attempt that is over do all that attempts do."""
        stale = [key for key in self.claimed if not self.model.is_current(key)]
        if not stale:
            return
        key = self.draw(st.sampled_from(stale))
        assert not self._write(finish.vote, key, evidence={})
        assert not self._write(finish.complete_running, key, None)
        if self.model.jobs[key.job_id].key != key:
            assert not self._write(finish.complete_finishing, key, None)
            assert not self._write(finish.requeue_finishing, key)
            assert not self._write(finish.abandon_finishing, key)
        self._finish([self._conclude(key)])

    def vote(self) -> None:
        """Have an attempt's effect voted for."""
        if job := self._pick(State.RUNNING):
            assert self._write(finish.vote, job.key, evidence={})
            job.state = State.FINISHING

    def resolve(self) -> None:
        """Find out what became of an effect."""
        if job := self._pick(State.FINISHING):
            match self.draw(st.sampled_from(["complete", "complete", "requeue", "abandon"])):
                case "complete":
                    assert self._write(finish.complete_finishing, job.key, None)
                    self.model.end(job, State.COMPLETED)
                case "requeue":
                    assert self._write(finish.requeue_finishing, job.key)
                    self.model.give_back(job, rescues=1)
                case "abandon":
                    assert self._write(finish.abandon_finishing, job.key)
                    self.model.end(job, State.UNKNOWN)

    def complete_at_once(self) -> None:
        """Have an attempt's own transaction end it."""
        if job := self._pick(State.RUNNING):
            assert self._write(finish.complete_running, job.key, None)
            self.model.end(job, State.COMPLETED)

    def die(self) -> None:
        """Kill a consumer and see it."""
        consumer, most = self._lose_consumer(), self.draw(MOST_RESCUES)
        self._write(maintain.rescue_from, [consumer], max_rescues=most)
        self.model.rescue(consumer, most)

    def silence(self) -> None:
        """Kill a consumer and miss it."""
        consumer, most = self._lose_consumer(), self.draw(MOST_RESCUES)
        self._write(_silence, consumer)
        self._write(maintain.rescue, max_rescues=most)
        self.model.rescue(consumer, most)

    def leave(self) -> None:
        """Have a consumer stop as it should."""
        consumer = self._lose_consumer()
        self._write(maintain.unregister, consumer)
        for job in self.model.running(consumer):
            self.model.give_back(job, rescues=0)

    # What time does.

    def let_pass(self) -> None:
        """Let the moments pass at which some jobs expire, of which some have begun."""
        live = self.model.ids(*[state for state in State if state.is_live])
        may_expire = [job_id for job_id in live if self.model.jobs[job_id].expires is not None]
        if not may_expire:
            self._add([self._make(expires=2 * DAY)])
            return
        passed = self.draw(st.lists(st.sampled_from(may_expire), min_size=1, max_size=3))
        self._write(_let_pass, passed)
        for job_id in passed:
            self.model.jobs[job_id].expires = PAST

    def expire(self) -> None:
        """End what has expired."""
        overdue = [job.new.id for job in self.model.jobs.values() if job.is_overdue]
        assert sorted(self._write(finish.expire_overdue)) == sorted(overdue)
        self.model.expire()

    # What people do.

    def cancel(self) -> None:
        """Cancel a job."""
        self._decide(manage.cancel, self.model.can_cancel, self.model.cancel)

    def retry(self) -> None:
        """Run a job again or now, often one that others wait for."""
        awaited = [job_id for job_id in self._awaited() if self.model.can_retry(job_id)]
        if awaited and self.draw(st.booleans()):
            self._retry(self.draw(st.sampled_from(awaited)))
            return
        self._decide(manage.retry, self.model.can_retry, self.model.retry)

    def ask(self) -> None:
        """Ask why a job isn't running."""
        if self.model.jobs:
            job_id = self.draw(st.sampled_from(self.model.ids(*State)))
            assert store.read(self.engine, lambda sql: explain(sql, job_id)).endswith(".")

    def limit(self) -> None:
        """Set a limit, or remove it."""
        name, number = self.draw(st.sampled_from(LIMITS)), self.draw(NUMBERS)
        if name in self.model.limits and self.draw(st.booleans()):
            self._write(claim.remove_limit, name)
            del self.model.limits[name]
            self.model.limits.setdefault("*", 1)
        else:
            self._write(claim.set_limit, name, number)
            self.model.limits[name] = number

    def rule_queue(self) -> None:
        """Change what is set for a queue."""
        name = self.draw(st.sampled_from(QUEUES))
        rules = self.model.queues[name]
        match self.draw(st.sampled_from(["max_running", "rate", "pause"])):
            case "pause":
                rules.is_paused = self.draw(st.sampled_from([False, False, True]))
                self._write(manage.pause, name, paused=rules.is_paused)
            case "max_running":
                rules.max_running = self.draw(NUMBERS)
                self._write(manage.set_max_running, name, rules.max_running)
            case "rate":
                rules.rate = self.draw(st.sampled_from([None, None, 1, 2, 5]))
                self._write(manage.set_rate, name, rules.rate, DAY)

    def _write(self, work: Callable[..., Any], *args: Any, **kw: Any) -> Any:
        return store.write(self.engine, lambda connection: work(connection, *args, **kw))

    def _start(self) -> str:
        """Start a consumer."""
        info = maintain.ConsumerInfo(
            id=new_id(),
            name="test",
            hostname="localhost",
            pid=1,
            queues=QUEUES,
            tasks=("t",),
            capabilities=(),
            threads=4,
            version="0",
        )
        self._write(maintain.register, info)
        self.consumers[info.id] = claim.Cursors()
        return info.id

    def _lose_consumer(self) -> str:
        """Replace a consumer; return the one that is gone."""
        consumer = self.draw(st.sampled_from(sorted(self.consumers)))
        del self.consumers[consumer]
        self._start()
        return consumer

    def _make(self, *, may_be_unique: bool = True, **values: Any) -> NewJob:
        unique, unique_for = self.draw(UNIQUE) if may_be_unique else (None, None)
        mood = self.draw(st.sampled_from(["", "accepts", "only"])) if values.get("after") else ""
        values.setdefault("expires", self.draw(EXPIRIES))
        return make_new(
            queue=self.draw(st.sampled_from(QUEUES)),
            limit=self.draw(st.sampled_from(KEYS)),
            unique=unique,
            unique_for=unique_for,
            priority=self.draw(st.sampled_from([0, 10])),
            delay=self.draw(st.sampled_from([0] * 5 + [DAY])),
            max_attempts=self.draw(st.integers(1, 2)),
            accepts_failure=mood != "",
            only_if_failed=mood == "only",
            **values,
        )

    def _make_group(self) -> list[NewJob]:
        members = [self._make() for _ in range(self.draw(st.integers(1, 3)))]
        return workflow.group(
            members,
            on_success=self._make(after=self._parents(), may_be_unique=False),
            on_failure=self._make(may_be_unique=False),
            serial=self.draw(st.booleans()),
        ).jobs

    def _parents(self) -> tuple[str, ...]:
        """Return jobs to come after, some of which have ended."""
        states = self.draw(st.sampled_from([tuple(State), ENDED, (State.COMPLETED,)]))
        known = self.model.ids(*states)
        return tuple(self.draw(st.lists(st.sampled_from(known), max_size=2))) if known else ()

    def _add(self, jobs: list[NewJob]) -> None:
        self.model.add(jobs, self._write(enqueue.add_many, jobs))

    def _promote(self, batch: str) -> None:
        self._write(enqueue.promote, batch, tid=1)
        self.model.promote(batch)

    def _pick(self, state: State) -> Any:
        found = self.model.ids(state)
        return self.model.jobs[self.draw(st.sampled_from(found))] if found else None

    def _claim(self, consumer: str, queues: tuple[str, ...], limit: int) -> list[Job]:
        """Claim; what may begin must be taken, the most urgent first."""
        options = {"consumer": consumer, "queues": queues, "tasks": ["t"], "limit": limit}
        jobs: list[Job] = self._write(claim.claim, **options)
        for number, queue in enumerate(queues):
            before = [job for job in jobs if job.queue in queues[:number]]
            taken = [job for job in jobs if job.queue == queue]
            assert len(taken) == self.model.expect(queue, limit - len(before), before)
        self._note(jobs, consumer, queues)
        for job in jobs:
            assert not any(
                other.state is State.READY
                and not other.is_overdue
                and (other.new.queue, other.new.options.limit or "")
                == (job.queue, job.concurrency_key)
                and other.new.options.priority > job.priority
                for other in self.model.jobs.values()
            )
        return jobs

    def _claim_on(
        self, consumer: str, queues: tuple[str, ...], limit: int, *, idle: int
    ) -> list[Job]:
        """Claim as a consumer does that knows where it was."""

        def work(connection: Connection) -> list[Job]:
            snapshot = claim.read_snapshot(connection, queues)
            claimant = claim.Claimant(consumer=consumer, tasks=["t"])
            cursors = self.consumers[consumer]
            return claim.claim_from(connection, snapshot, claimant, cursors, limit=limit, idle=idle)

        jobs: list[Job] = self._write(work)
        assert len(jobs) <= limit
        assert sum(bool(job.concurrency_key) for job in jobs) <= idle
        self._note(jobs, consumer, queues)
        return jobs

    def _note(self, jobs: list[Job], consumer: str, queues: tuple[str, ...]) -> None:
        self.model.check_claim(jobs, consumer, queues)
        self.claimed |= {job.key: job for job in jobs}

    def _conclude(self, key: RunKey) -> Ending:
        return conclude(self.claimed[key], self.draw(OUTCOMES), backoff=Backoff())

    def _finish(self, endings: list[Ending]) -> None:
        ours = self._write(finish.end_attempts, endings)
        assert set(ours) == self.model.finish(endings)

    def _decide(
        self, decide: Callable[..., Any], may: Callable[[str], bool], done: Callable[[str], None]
    ) -> None:
        """Have somebody decide about a job, or be told that nobody can."""
        if not self.model.jobs:
            return
        job_id = self.draw(st.sampled_from(self.model.ids(*State)))
        if may(job_id):
            self._write(decide, job_id)
            done(job_id)
        else:
            with pytest.raises(WrongState):
                self._write(decide, job_id)

    def _lift(self) -> None:
        """Let any number of jobs run."""
        for name in set(self.model.limits) - {"*"}:
            self._write(claim.remove_limit, name)
        self._write(claim.set_limit, "*", None)
        self.model.limits = {"*": None}
        for name in QUEUES:
            self._write(manage.pause, name, paused=False)
            self._write(manage.set_max_running, name, None)
            self._write(manage.set_rate, name, None)
            self.model.queues[name] = Rules()

    def _unblock(self) -> None:
        """Run again what others wait for, and now what would run later."""
        for job_id in [*self.model.ids(State.SCHEDULED), *self._awaited()]:
            self._free_key(self.model.jobs[job_id])
            if self.model.can_retry(job_id):
                self._retry(job_id)

    def _awaited(self) -> list[str]:
        """Return what blocked jobs wait for."""
        blocked = [job for job in self.model.jobs.values() if job.state is State.BLOCKED]
        return sorted({parent for job in blocked for parent in job.waits})

    def _retry(self, job_id: str) -> None:
        self._write(manage.retry, job_id)
        self.model.retry(job_id)

    def _free_key(self, job: Known) -> None:
        """Cancel who holds an ended job's key and waits, maybe for that very job."""
        if not job.state.is_live and job.new.options.unique:
            holder = self.model.holder(job.new.options.unique)
            if holder and self.model.jobs[holder].state is State.BLOCKED:
                self._write(manage.cancel, holder)
                self.model.cancel(holder)

    def _end_all(self) -> None:
        """Complete all that runs and all that can be claimed, by consumers that were there."""
        for job_id in self.model.ids(*BUSY):
            job = self.model.jobs[job_id]
            is_running = job.state is State.RUNNING
            complete = finish.complete_running if is_running else finish.complete_finishing
            assert self._write(complete, job.key, None)
            self.model.end(job, State.COMPLETED)
        consumer = min(self.consumers)
        while self.model.ids(State.READY):  # where a search takes long, it finds some of them later
            jobs = wait_for(
                lambda: self._claim_on(consumer, QUEUES, 50, idle=50),
                what="a job that is ready to be claimed",
                within=2 * REUSE_MAX_S,
            )
            self._finish([conclude(job, Completed(), backoff=Backoff()) for job in jobs])


def _empty(connection: Connection) -> None:
    for table in tables.metadata.sorted_tables:
        connection.execute(sa.delete(table))
    for name in QUEUES:
        manage.add_queue(connection, name)


def _silence(connection: Connection, consumer: str) -> None:
    """Put a consumer's last heartbeat into the past."""
    heart = tables.consumer.c
    silent = sa.update(tables.consumer).where(heart.id == consumer)
    connection.execute(silent.values(heartbeat_at=heart.heartbeat_at - 3600 * store.SECOND))


def _let_pass(connection: Connection, job_ids: list[str]) -> None:
    job = tables.job.c
    passed = sa.update(tables.job).where(job.id.in_(job_ids))
    day = round(DAY * store.SECOND)
    connection.execute(passed.values(expires_at=job.created_at + PAST * day))


def _expires(row: Any) -> int | None:
    """Return how many days after it was made a job expires."""
    at = row.expires_at
    return None if at is None else round((at - row.created_at) / store.SECOND / DAY)


def _read(connection: Connection) -> tuple[Any, Any, dict[str, set[str]]]:
    """Return the live and the ended jobs, and the parents of those that wait."""
    job, past, dependency = tables.job.c, tables.history.c, tables.dependency.c
    counted = (job.run, job.attempt, job.rescues, job.waits_for, job.failed_parents)
    told = (job.id, job.state, job.consumer, job.held_key, job.created_at, job.expires_at)
    live = connection.execute(sa.select(*told, *counted)).all()
    ended = connection.execute(sa.select(past.id, past.state, past.run)).all()
    waits: dict[str, set[str]] = {}
    for parent, child in connection.execute(sa.select(dependency.parent_id, dependency.job_id)):
        waits.setdefault(child, set()).add(parent)
    return live, ended, waits


def test_the_store_does_as_the_model_says(engine: Engine) -> None:
    """Hypothesis makes up what happens."""
    times = QUICK if engine.dialect.name == "sqlite" else 1
    run_state_machine_as_test(
        lambda: Machine(engine),
        settings=settings(
            max_examples=EXAMPLES * times,
            stateful_step_count=50,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
