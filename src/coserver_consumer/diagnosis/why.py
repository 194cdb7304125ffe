"""Why a job isn't running, in one plain sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from coserver_consumer.model.job import Job, State
from coserver_consumer.model.moments import write_local
from coserver_consumer.model.queue_name import unknown_queue
from coserver_consumer.store import SECOND, claim, enqueue, finish, manage
from coserver_consumer.store.manage import Consumer

DEAD_AFTER_S = 45.0
MAX_ERROR_LENGTH = 200  # characters


@dataclass(frozen=True, slots=True)
class Question:
    """Why this job isn't running."""

    connection: Connection
    job: Job
    dead_after: float


def explain(connection: Connection, job_id: str, *, dead_after: float = DEAD_AFTER_S) -> str:
    """Return the sentence; raise ``JobNotFound``.

    ``dead_after``: a consumer that was silent for so many seconds doesn't count.
    """
    asked = Question(connection, manage.get(connection, job_id), dead_after)
    answer = ANSWERS.get(asked.job.state, _ended)
    return answer(asked)


def _staged(_: Question) -> str:
    return "The request that queued it hasn't finished; if it died, that will be found out."


def _finishing(_: Question) -> str:
    return "It has done its work, which is being committed to the ZODB."


def _scheduled(asked: Question) -> str:
    connection, job = asked.connection, asked.job
    wait = (job.run_at - manage.now(connection)) / SECOND
    due = f"at {_time(job.run_at)}, in {_duration(wait)}" if wait > 0 else "now"
    failures = manage.attempts(connection, job.id)
    if not failures:
        return f"It is due {due}."
    last = failures[-1]
    return f"Attempt {last.attempt} failed ({_short(last.error)}); it is tried again {due}."


def _blocked(asked: Question) -> str:
    connection, job = asked.connection, asked.job
    parents = enqueue.parents(connection, job.id)
    if not parents:
        return "It waits for other jobs, none of which is known any more: cancel it."
    failed = [each for each in parents if each.state not in (None, State.COMPLETED)]
    ended = [each for each in failed if each.state is not None and not each.state.is_live]
    first = (ended or failed or parents)[0]
    more = job.waits_for - 1
    others = f", and for {more} other{'s' if more > 1 else ''}" if more > 0 else ""
    if ended:
        return (
            f"It waits for job {first.id}, which {_FATE[ended[0].state or State.UNKNOWN]}{others}: "
            "run that one again, or cancel this one."
        )
    return f"It waits for job {first.id}, which is {first.state or 'gone'}{others}."


def _ready(asked: Question) -> str:
    connection, job = asked.connection, asked.job
    known = manage.consumers(connection)
    consumers = [each for each in known if not each.is_dead(asked.dead_after)]
    return (
        _why_queue(connection, job)
        or _why_nobody(job, consumers)
        or _why_limit(connection, job)
        or _why_behind(connection, job, consumers)
    )


def _why_queue(connection: Connection, job: Job) -> str | None:
    """Return what the rules of its queue have against it."""
    if job.queue not in (known := manage.queues(connection)):
        return str(unknown_queue(job.queue, known))
    [queue] = claim.read_snapshot(connection, [job.queue]).queues
    if queue.is_paused:
        return f"Queue {job.queue} is paused: `coserver queues resume {job.queue}`."
    if (wait := job.run_at - manage.now(connection)) > 0:
        return f"It is due at {_time(job.run_at)}, in {_duration(wait / SECOND)}."
    running = claim.count_running(connection)[0][job.queue]
    if queue.max_running is not None and running >= queue.max_running:
        return f"Queue {job.queue} lets {queue.max_running} run at once, and so many do."
    if queue.rate_number is not None and queue.rate_period is not None:
        begun = claim.count_starts(connection, job.queue, queue.rate_period)
        if begun >= queue.rate_number:
            return (
                f"Queue {job.queue} lets {queue.rate_number} begin in "
                f"{_duration(queue.rate_period)}, and so many have."
            )
    return None


def _why_nobody(job: Job, consumers: Sequence[Consumer]) -> str | None:
    """Return what every consumer lacks."""
    serving = [each for each in consumers if job.queue in each.queues]
    if not serving:
        return f"No consumer serves queue {job.queue}: `coserver run --queues {job.queue}`."
    knowing = [each for each in serving if job.task in each.tasks]
    if not knowing:
        return f"No consumer of queue {job.queue} knows task '{job.task}'; {_tasks(serving)}."
    able = [each for each in knowing if set(job.requires) <= set(each.capabilities)]
    if not able:
        return f"No consumer of queue {job.queue} is capable of {', '.join(job.requires)}."
    return _why_unavailable(job, able)


def _why_unavailable(job: Job, consumers: Sequence[Consumer]) -> str | None:
    """Return what keeps all of these consumers from it at the moment."""
    found = [
        next((each for each in consumer.unavailable if each.concerns(job.task, job.queue)), None)
        for consumer in consumers
    ]
    first = found[0]
    return None if first is None or None in found else first.why


def _why_limit(connection: Connection, job: Job) -> str | None:
    if not job.concurrency_key:
        return None
    limit = claim.find_limit(claim.limits(connection), job.concurrency_key)
    running = claim.count_running(connection)[1][job.concurrency_key]
    if limit.max_running is None or running < limit.max_running:
        return None
    return (
        f"Limit '{limit.name}' lets {limit.max_running} run at once with the key "
        f"'{job.concurrency_key}', and so many do."
    )


def _why_behind(connection: Connection, job: Job, consumers: Iterable[Consumer]) -> str:
    ahead = manage.count_ahead(connection, job)
    threads = sum(each.threads for each in consumers if job.queue in each.queues)
    busy = sum(each.running for each in consumers if job.queue in each.queues)
    place = f"{ahead} jobs are before it" if ahead != 1 else "1 job is before it"
    state = f"{busy} of {threads} threads are busy" if busy <= threads else "all threads are busy"
    return f"It waits for its turn in queue {job.queue}: {place}, and {state}."


def _running(asked: Question) -> str:
    connection, job = asked.connection, asked.job
    names = {each.id: each.name for each in manage.consumers(connection)}
    where = names.get(job.consumer or "", "a consumer that is gone")
    since = _duration((manage.now(connection) - (job.started_at or 0)) / SECOND)
    return f"It is running on {where} for {since}, attempt {job.attempt}{_asked_to_stop(asked)}."


def _asked_to_stop(asked: Question) -> str:
    """Return the end of the sentence about a job that somebody has cancelled."""
    if asked.job.cancel_at is None:
        return ""
    who = finish.find_canceller(asked.connection, asked.job.id)
    return f", and was asked to stop{f' by {who}' if who else ''}"


def _ended(asked: Question) -> str:
    job = asked.job
    said = f": {_short(job.error)}" if job.error else ""
    end = "" if said.endswith(".") else "."
    return f"It isn't waiting: it was {_END[job.state]} at {_time(job.ended_at)}{said}{end}"


def _tasks(consumers: Iterable[Consumer]) -> str:
    known = sorted({task for each in consumers for task in each.tasks})
    return f"they know {', '.join(known)}"


def _short(error: str) -> str:
    line = error.splitlines()[0] if error else ""
    return line if len(line) <= MAX_ERROR_LENGTH else f"{line[: MAX_ERROR_LENGTH - 3]}..."


def _time(microseconds: int | None) -> str:
    return write_local(microseconds or 0)


def _duration(seconds: float) -> str:
    """Return a time that people read at a glance."""
    for size, name in ((3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{max(seconds, 0):.0f} s"


_FATE = {
    State.FAILED: "failed",
    State.CANCELLED: "was cancelled",
    State.DROPPED: "was never committed",
    State.UNKNOWN: "may or may not have been committed",
}
_END = {
    State.COMPLETED: "completed",
    State.FAILED: "failed",
    State.CANCELLED: "cancelled",
    State.DROPPED: "dropped",
    State.UNKNOWN: "given up as unknown",
}
ANSWERS: Mapping[State, Callable[[Question], str]] = {
    State.STAGED: _staged,
    State.SCHEDULED: _scheduled,
    State.BLOCKED: _blocked,
    State.READY: _ready,
    State.RUNNING: _running,
    State.FINISHING: _finishing,
}
