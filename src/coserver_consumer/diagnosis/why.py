"""Why a job isn't running, in one plain sentence."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from coserver_consumer.diagnosis.reasons import Reason, because
from coserver_consumer.model.job import Job, State
from coserver_consumer.model.lifecycle import WAITING
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
    """Return the English sentence; raise ``JobNotFound``.

    ``dead_after``: a consumer that was silent for so many seconds doesn't count.
    """
    return str(find_reason(connection, manage.get(connection, job_id), dead_after=dead_after))


def find_reason(connection: Connection, job: Job, *, dead_after: float = DEAD_AFTER_S) -> Reason:
    """Return the reason, with what fills its sentence."""
    asked = Question(connection, job, dead_after)
    answer = ANSWERS.get(job.state, _ended)
    if job.expires_at is None or job.state not in WAITING:
        return answer(asked)
    time = _time(job.expires_at)
    if manage.now(connection) >= job.expires_at:
        return because("overdue", time=time)
    return because("may_expire", reason=answer(asked), time=time)


def _staged(_: Question) -> Reason:
    return because("staged")


def _finishing(_: Question) -> Reason:
    return because("finishing")


def _scheduled(asked: Question) -> Reason:
    connection, job = asked.connection, asked.job
    wait = (job.run_at - manage.now(connection)) / SECOND
    due = {"time": _time(job.run_at), "length": _duration(wait)} if wait > 0 else {}
    failures = manage.attempts(connection, job.id)
    if not failures:
        return because("due_at", **due) if due else because("due_now")
    last = failures[-1]
    said = {"attempt": last.attempt, "error": _short(last.error)}
    return because("again_at", **said, **due) if due else because("again_now", **said)


def _blocked(asked: Question) -> Reason:
    connection, job = asked.connection, asked.job
    parents = enqueue.parents(connection, job.id)
    if not parents:
        return because("no_parents")
    failed = [each for each in parents if each.state not in (None, State.COMPLETED)]
    ended = [each for each in failed if each.state is not None and not each.state.is_live]
    first = (ended or failed or parents)[0]
    said = {"parent": first.id, "others": _others(job.waits_for - 1)}
    if ended:
        return because("parent_ended", fate=_FATE[ended[0].state or State.UNKNOWN], **said)
    if first.state is None:
        return because("parent_gone", **said)
    return because("parent_live", state=first.state, **said)


def _others(number: int) -> Reason:
    """Return for how many more jobs it waits."""
    if number > 1:
        return because("and_others", number=number)
    return because("and_one_other" if number == 1 else "nothing")


def _ready(asked: Question) -> Reason:
    connection, job = asked.connection, asked.job
    known = manage.consumers(connection)
    consumers = [each for each in known if not each.is_dead(asked.dead_after)]
    return (
        _why_queue(connection, job)
        or _why_nobody(job, consumers)
        or _why_limit(connection, job)
        or _why_behind(connection, job, consumers)
    )


def _why_queue(connection: Connection, job: Job) -> Reason | None:
    """Return what the rules of its queue have against it."""
    if job.queue not in (known := manage.queues(connection)):
        return because("unknown_queue", text=str(unknown_queue(job.queue, known)))
    [queue] = claim.read_snapshot(connection, [job.queue]).queues
    if queue.is_paused:
        return because("paused", queue=job.queue, argument=shlex.quote(job.queue))
    if (wait := job.run_at - manage.now(connection)) > 0:
        return because("due_at", time=_time(job.run_at), length=_duration(wait / SECOND))
    running = claim.count_running(connection)[0][job.queue]
    if queue.max_running is not None and running >= queue.max_running:
        return because("queue_full", queue=job.queue, number=queue.max_running)
    if queue.rate_number is not None and queue.rate_period is not None:
        begun = claim.count_starts(connection, job.queue, queue.rate_period)
        if begun >= queue.rate_number:
            length = _duration(queue.rate_period)
            return because("queue_rate", queue=job.queue, number=queue.rate_number, length=length)
    return None


def _why_nobody(job: Job, consumers: Sequence[Consumer]) -> Reason | None:
    """Return what every consumer lacks."""
    serving = [each for each in consumers if job.queue in each.queues]
    if not serving:
        return because("nobody_serves", queue=job.queue, argument=shlex.quote(job.queue))
    knowing = [each for each in serving if job.task in each.tasks]
    if not knowing:
        return because("nobody_knows", queue=job.queue, task=job.task, tasks=_tasks(serving))
    able = [each for each in knowing if set(job.requires) <= set(each.capabilities)]
    if not able:
        return because("nobody_able", queue=job.queue, requires=", ".join(job.requires))
    return _why_unavailable(job, able)


def _why_unavailable(job: Job, consumers: Sequence[Consumer]) -> Reason | None:
    """Return what keeps all of these consumers from it at the moment."""
    found = [
        next((each for each in consumer.unavailable if each.concerns(job.task, job.queue)), None)
        for consumer in consumers
    ]
    first = found[0]
    if first is None or None in found:
        return None
    return because("unavailable", text=first.why)


def _why_limit(connection: Connection, job: Job) -> Reason | None:
    if not job.concurrency_key:
        return None
    limit = claim.find_limit(claim.limits(connection), job.concurrency_key)
    running = claim.count_running(connection)[1][job.concurrency_key]
    if limit.max_running is None or running < limit.max_running:
        return None
    said = {"limit": limit.name, "number": limit.max_running, "key": job.concurrency_key}
    return because("limit", **said)


def _why_behind(connection: Connection, job: Job, consumers: Iterable[Consumer]) -> Reason:
    ahead = manage.count_ahead(connection, job)
    threads = sum(each.threads for each in consumers if job.queue in each.queues)
    busy = sum(each.running for each in consumers if job.queue in each.queues)
    place = because("many_before", number=ahead) if ahead != 1 else because("one_before")
    said = because("threads_busy", busy=busy, threads=threads)
    full = because("all_busy")
    return because("turn", queue=job.queue, place=place, busy=said if busy <= threads else full)


def _running(asked: Question) -> Reason:
    connection, job = asked.connection, asked.job
    names: dict[str, object] = {each.id: each.name for each in manage.consumers(connection)}
    where = names.get(job.consumer or "", because("gone_consumer"))
    since = _duration((manage.now(connection) - (job.started_at or 0)) / SECOND)
    said = {"consumer": where, "length": since, "attempt": job.attempt}
    return because("running", **said, stops=_asked_to_stop(asked))


def _asked_to_stop(asked: Question) -> Reason:
    """Return who has cancelled it, if somebody has."""
    if asked.job.cancel_at is None:
        return because("nothing")
    who = finish.find_canceller(asked.connection, asked.job.id)
    return because("asked_to_stop_by", who=who) if who else because("asked_to_stop")


def _ended(asked: Question) -> Reason:
    job = asked.job
    said = {"end": because(f"end_{job.state}"), "time": _time(job.ended_at)}
    if not job.error:
        return because("ended", **said)
    error = _short(job.error)
    return because("ended_with", **said, error=error if error.endswith(".") else f"{error}.")


def _tasks(consumers: Iterable[Consumer]) -> str:
    known = sorted({task for each in consumers for task in each.tasks})
    return ", ".join(known)


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
    State.FAILED: because("fate_failed"),
    State.CANCELLED: because("fate_cancelled"),
    State.EXPIRED: because("fate_expired"),
    State.DROPPED: because("fate_dropped"),
    State.UNKNOWN: because("fate_unknown"),
}
ANSWERS: Mapping[State, Callable[[Question], Reason]] = {
    State.STAGED: _staged,
    State.SCHEDULED: _scheduled,
    State.BLOCKED: _blocked,
    State.READY: _ready,
    State.RUNNING: _running,
    State.FINISHING: _finishing,
}
