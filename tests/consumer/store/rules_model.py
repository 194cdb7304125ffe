"""What becomes of jobs under rules, said so simply that it can't be wrong.

Everything is looked for among all jobs each time; nothing is counted ahead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from coserver_consumer.model.job import Job, RunKey, State
from coserver_consumer.model.lifecycle import Ending
from coserver_consumer.model.new_job import NewJob

BUSY = (State.RUNNING, State.FINISHING)
WAITING = (State.SCHEDULED, State.READY, State.BLOCKED)
RUN_AGAIN = (State.COMPLETED, State.FAILED, State.CANCELLED, State.EXPIRED, State.UNKNOWN)
FREE = (
    State.DROPPED,
    State.CANCELLED,
    State.EXPIRED,
)  # such an end lets go of a key that is held for a time
DAY = 86_400.0  # seconds
PAST = -1  # days from when a job was made to a moment that has passed


@dataclass(slots=True, eq=False)
class Known:
    """A job: as it was added, and as it must be now. ``waits``: the parents it waits for.

    ``merged_into``: the job that does its work. ``expires``: so many days after it was made.
    """

    new: NewJob
    state: State
    batch: str | None = None
    waits: set[str] = field(default_factory=set)
    has_failed_parent: bool = False
    run: int = 0
    attempt: int = 0
    rescues: int = 0
    consumer: str | None = None
    is_to_stop: bool = False
    merged_into: str | None = None
    expires: int | None = field(init=False)

    def __post_init__(self) -> None:
        expires = self.new.options.expires
        self.expires = None if expires is None else round(expires / DAY)

    @property
    def is_overdue(self) -> bool:
        """True if it waits although its moment has passed."""
        return self.state in WAITING and self.expires == PAST

    @property
    def key(self) -> RunKey:
        """The job and its current run."""
        return RunKey(self.new.id, self.run)

    @property
    def holds_key(self) -> bool:
        """True if nobody else may have its unique key."""
        if self.new.options.unique is None or not self.state.is_live or self.state is State.STAGED:
            return False
        return not (self.new.options.unique_for == 0 and self.run > 0)


@dataclass(slots=True)
class Rules:
    """What is set for a queue; ``begun`` counts the jobs that began under a rate."""

    is_paused: bool = False
    max_running: int | None = None
    rate: int | None = None
    begun: int = 0


@dataclass(slots=True)
class Model:
    """All jobs by id, the limits by name, the queues' rules by name."""

    queues: dict[str, Rules]
    jobs: dict[str, Known] = field(default_factory=dict)
    limits: dict[str, int | None] = field(default_factory=lambda: {"*": 1})

    def ids(self, *states: State) -> list[str]:
        """Return the jobs in these states, the oldest first."""
        return sorted(job_id for job_id, job in self.jobs.items() if job.state in states)

    def add(self, jobs: Sequence[NewJob], made: Sequence[str]) -> None:
        """Add jobs; ``made`` are the ids that the store has returned for them."""
        instead = {job.id: job_id for job, job_id in zip(jobs, made, strict=True)}
        added = [job for job in jobs if self._is_added(job, instead[job.id])]
        for job in added:
            parents = {instead.get(parent, parent) for parent in job.options.after}
            self._wait(self.jobs[job.id], parents)
        for job in added:
            self._go(self.jobs[job.id])

    def stage(self, jobs: Iterable[NewJob], batch: str) -> None:
        """Add jobs whose transaction hasn't finished."""
        staged = [Known(job, State.STAGED, batch) for job in jobs]
        self.jobs |= {job.new.id: job for job in staged}
        for job in staged:
            self._wait(job, set(job.new.options.after))

    def promote(self, batch: str) -> None:
        """Let a committed transaction's jobs run, but for those whose key is held."""
        dropped = self._of_batch(batch, State.DROPPED)
        for job in dropped:
            job.state = State.STAGED
        for job in dropped:
            self._forget_ended(job)
        staged = self._of_batch(batch, State.STAGED)
        while any(self._end_overdue_holder(job.new) for job in staged):
            pass
        for job, holder in self._duplicates(staged).items():
            self._take_over(self.jobs[holder], job)
            self._replace(job, holder)
            job.merged_into = holder
            self.end(job, State.CANCELLED)
        for job in self._of_batch(batch, State.STAGED):
            job.state = State.BLOCKED
            self._go(job)

    def end_batch(self, batch: str, state: State) -> None:
        """End a transaction's jobs that never were to run; they don't see each other's end."""
        ended = self._of_batch(batch, State.STAGED)
        for job in ended:
            job.state = state
        for job in ended:
            self._tell_children(job)

    def check_claim(self, jobs: Sequence[Job], consumer: str, queues: Sequence[str]) -> None:
        """Let a consumer take jobs; nothing may be taken that a rule forbids."""
        for job in jobs:
            known = self.jobs[job.id]
            assert known.state is State.READY
            assert not known.is_overdue
            assert job.queue in queues
            assert not self.queues[job.queue].is_paused
            known.state, known.consumer = State.RUNNING, consumer
            known.run, known.attempt = known.run + 1, known.attempt + 1
            assert (job.key, job.attempt) == (known.key, known.attempt)
        of_queues, of_keys = self.count_running()
        for queue, number in Counter(job.queue for job in jobs).items():
            rules = self.queues[queue]
            assert rules.max_running is None or of_queues[queue] <= rules.max_running
            if rules.rate is not None:
                rules.begun += number
                assert rules.begun <= rules.rate
        for key in {job.concurrency_key for job in jobs} - {""}:
            most = self.limit_of(key)
            assert most is None or of_keys[key] <= most

    def expect(self, queue: str, limit: int, taken: Iterable[Job]) -> int:
        """Return how many jobs must be taken from a queue when others were taken before."""
        rules = self.queues[queue]
        if rules.is_paused:
            return 0
        of_queues, of_keys = self.count_running()
        of_keys.update(job.concurrency_key for job in taken)
        ready = Counter(
            job.new.options.limit or ""
            for job in self.jobs.values()
            if job.state is State.READY and job.new.queue == queue and not job.is_overdue
        )
        room = limit
        if rules.max_running is not None:
            room = min(room, rules.max_running - of_queues[queue])
        if rules.rate is not None:
            room = min(room, rules.rate - rules.begun)
        can = sum(self._room(key, number, of_keys[key]) for key, number in ready.items())
        return max(0, min(room, can))

    def count_running(self) -> tuple[Counter[str], Counter[str]]:
        """Return how many run, by queue and by concurrency key."""
        busy = [job.new for job in self.jobs.values() if job.state in BUSY]
        return Counter(job.queue for job in busy), Counter(job.options.limit or "" for job in busy)

    def limit_of(self, key: str) -> int | None:
        """Return how many of a key may run, None for any number."""
        if key in self.limits:
            return self.limits[key]
        fitting = [name for name in self.limits if name[-1] == "*" and key.startswith(name[:-1])]
        return self.limits[max(fitting, key=len)]

    def is_current(self, key: RunKey) -> bool:
        """Return True if the attempt may end its job."""
        job = self.jobs[key.job_id]
        return job.state is State.RUNNING and job.run == key.run

    def finish(self, endings: Iterable[Ending]) -> set[RunKey]:
        """End attempts; return those that were current, or have ended already."""
        told = {ending.key: ending for ending in endings}
        ours = {key for key in told if self.is_current(key)}
        before = {
            key
            for key in told
            if not self.jobs[key.job_id].state.is_live and self.jobs[key.job_id].run == key.run
        }
        for key in ours:
            self._finish(self.jobs[key.job_id], told[key])
        return ours | before

    def end(self, job: Known, state: State) -> None:
        """Let a job be history."""
        job.state, job.consumer = state, None
        self._tell_children(job)

    def give_back(self, job: Known, *, rescues: int) -> None:
        """Take a job from its consumer; what somebody has cancelled ends."""
        if job.is_to_stop:
            self.end(job, State.CANCELLED)
            return
        job.state, job.consumer, job.expires = State.READY, None, None
        job.run, job.attempt, job.rescues = job.run + 1, job.attempt - 1, job.rescues + rescues

    def expire(self) -> None:
        """End what waits although its moment has passed."""
        overdue = [job for job in self.jobs.values() if job.is_overdue]
        for job in overdue:
            job.state = State.EXPIRED
        for job in overdue:
            self._tell_children(job)

    def rescue(self, consumer: str, most: int) -> None:
        """Take all running jobs from a dead consumer; a job's ``most``-th rescue is its end."""
        for job in self.running(consumer):
            if job.is_to_stop or job.rescues + 1 < most:
                self.give_back(job, rescues=1)
            else:
                job.rescues += 1
                self.end(job, State.FAILED)

    def running(self, consumer: str) -> list[Known]:
        """Return what a consumer runs."""
        return [
            job
            for job in self.jobs.values()
            if job.consumer == consumer and job.state is State.RUNNING
        ]

    def can_cancel(self, job_id: str) -> bool:
        """Return True if people can cancel the job."""
        return self.jobs[job_id].state in (*WAITING, State.RUNNING, State.UNKNOWN)

    def cancel(self, job_id: str) -> None:
        """Cancel a job, or have its attempt stop."""
        job = self.jobs[job_id]
        if job.state is State.RUNNING:
            job.is_to_stop = True
        elif job.state is State.UNKNOWN:
            job.state = State.CANCELLED
        else:
            self.end(job, State.CANCELLED)

    def can_retry(self, job_id: str) -> bool:
        """Return True if people can run the job again."""
        job = self.jobs[job_id]
        if job.state is State.SCHEDULED:
            return True
        key = job.new.options.unique
        holder = None if key is None else self.holder(key)
        return job.state in RUN_AGAIN and (holder is None or self.jobs[holder].is_overdue)

    def retry(self, job_id: str) -> None:
        """Run a job again, or now."""
        job = self.jobs[job_id]
        if job.state is not State.SCHEDULED:
            self._end_overdue_holder(job.new)
            job.expires = None
            job.attempt, job.rescues, job.is_to_stop, job.waits = 0, 0, False, set()
            job.merged_into = None
        job.state = State.READY

    def holder(self, key: str) -> str | None:
        """Return the live job that holds a unique key; there is never more than one."""
        holders = [
            job.new.id
            for job in self.jobs.values()
            if job.holds_key and job.new.options.unique == key
        ]
        assert len(holders) <= 1
        return holders[0] if holders else None

    def _is_added(self, job: NewJob, made: str) -> bool:
        """Return True if the job is a new one, as it must be unless its key is held."""
        key = job.options.unique
        self._end_overdue_holder(job)
        holder = None if key is None else self.holder(key)
        recent = self._recent(job)
        if holder is not None:
            assert made == holder
            self._take_over(self.jobs[holder], Known(job, State.STAGED))
        elif recent:
            assert made in recent
        else:
            assert made == job.id
            self.jobs[job.id] = Known(job, State.BLOCKED)
        return made == job.id

    def _end_overdue_holder(self, job: NewJob) -> bool:
        """Let the holder of a job's key expire if its moment has passed."""
        holder = None if job.options.unique is None else self.holder(job.options.unique)
        if holder is None or not self.jobs[holder].is_overdue:
            return False
        self.end(self.jobs[holder], State.EXPIRED)
        return True

    def _take_over(self, holder: Known, job: Known) -> None:
        """Let who does the work of another expire no sooner than that one."""
        if holder.expires is not None:
            holder.expires = None if job.expires is None else max(holder.expires, job.expires)

    def _recent(self, job: NewJob) -> list[str]:
        """Return the ended jobs that hold the key of a new one; no period ends here."""
        if job.options.unique is None or not job.options.unique_for:
            return []
        return [
            old.new.id
            for old in self.jobs.values()
            if old.new.options.unique == job.options.unique
            and not old.state.is_live
            and old.state not in FREE
        ]

    def _duplicates(self, staged: Iterable[Known]) -> Mapping[Known, str]:
        """Return the staged jobs whose work another one does; the first of a batch goes first."""
        found: dict[Known, str] = {}
        first: dict[str, str] = {}
        for job in staged:
            key = job.new.options.unique
            if key is None:
                continue
            recent = self._recent(job.new)
            holder = self.holder(key) or first.get(key) or (max(recent) if recent else None)
            if holder:
                found[job] = holder
            else:
                first[key] = job.new.id
        return found

    def _replace(self, job: Known, holder: str) -> None:
        """Let what waits for a job wait for another, but for that one and what it waits for."""
        ancestors = self._ancestors(holder)
        for child in self.jobs.values():
            if job.new.id not in child.waits or child.new.id in ancestors:
                continue
            child.waits.discard(job.new.id)
            child.waits.add(holder)
            if child.state.is_live:  # a dropped one may come back, and hears of it then
                self._hear(child, self.jobs[holder])
                self._go(child)

    def _ancestors(self, job_id: str) -> set[str]:
        above = [self._ancestors(parent) for parent in self.jobs[job_id].waits]
        return {job_id}.union(*above)

    def _wait(self, job: Known, parents: set[str]) -> None:
        job.waits = {self._follow(parent) for parent in parents}
        self._forget_ended(job)

    def _follow(self, job_id: str) -> str:
        """Return the job that does the work of one, mostly itself."""
        holder = self.jobs[job_id].merged_into
        return job_id if holder is None else self._follow(holder)

    def _forget_ended(self, job: Known) -> None:
        for parent in sorted(job.waits):
            self._hear(job, self.jobs[parent])

    def _tell_children(self, parent: Known) -> None:
        for child in self._children(parent):
            self._hear(child, parent)
            self._go(child)

    def _children(self, parent: Known) -> list[Known]:
        return [
            job for job in self.jobs.values() if parent.new.id in job.waits and job.state.is_live
        ]

    def _hear(self, child: Known, parent: Known) -> None:
        """Wait for a parent no more that has ended well, or at all if that will do."""
        is_done = parent.state is State.COMPLETED
        if is_done or (child.new.options.accepts_failure and not parent.state.is_live):
            child.waits.discard(parent.new.id)
            child.has_failed_parent |= not is_done

    def _go(self, job: Known) -> None:
        """Let a blocked job go if it waits for nobody."""
        if job.state is not State.BLOCKED or job.waits:
            return
        if job.new.only_if_failed and not job.has_failed_parent:
            self.end(job, State.CANCELLED)
        else:
            job.state = State.SCHEDULED if job.new.options.delay else State.READY

    def _finish(self, job: Known, ending: Ending) -> None:
        job.attempt -= not ending.counted
        if job.is_to_stop and ending.state is not State.COMPLETED:
            self.end(job, State.CANCELLED)
        elif not ending.state.is_live:
            self.end(job, ending.state)
        else:
            job.state = State.SCHEDULED if ending.delay else State.READY
            job.consumer = None
            job.expires = None if ending.has_begun else job.expires

    def _room(self, key: str, wanted: int, running: int) -> int:
        most = self.limit_of(key) if key else None
        return wanted if most is None else max(0, min(wanted, most - running))

    def _of_batch(self, batch: str, state: State) -> list[Known]:
        found = [job for job in self.jobs.values() if job.batch == batch and job.state is state]
        return sorted(found, key=lambda job: job.new.id)
