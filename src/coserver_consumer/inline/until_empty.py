"""Runs what is ready, until nothing is any more, as a consumer of its own."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from coserver_consumer.inline.interrupt import giving_back
from coserver_consumer.inline.lease import leased
from coserver_consumer.inline.worker import Choice, InlineWorker
from coserver_consumer.model.errors import InvalidJob, UnknownTask
from coserver_consumer.model.job import MAX_COUNT, State
from coserver_consumer.model.value_types import Flag, Seconds, WholeNumber, read_texts
from coserver_consumer.runtime.database import Database
from coserver_consumer.runtime.logs import job_logs
from coserver_consumer.runtime.registration import Registration, describe_consumer
from coserver_consumer.settings.settings import Settings
from coserver_consumer.store import maintain, manage
from coserver_consumer.tasks.registry import Registry

FIRST_PAUSE_S, LAST_PAUSE_S = 0.05, 1.0  # between two looks for what is due; they double
TIMEOUT = Seconds(least=0, most=86_400 * 20)
NUMBER = WholeNumber(least=1, most=MAX_COUNT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How long to go on.

    ``timeout``: for so many seconds no attempt begins later, None: for any time. ``max_attempts``:
    at most so many, None: any number. ``scheduled``: what is due later is waited for, too.
    """

    timeout: float | None = None
    max_attempts: int | None = None
    scheduled: bool = False


def read_bounds(*, timeout: Any, max_attempts: Any, scheduled: Any) -> Bounds:
    """Return the bounds; raise ``InvalidJob``."""
    bounds = Bounds(
        timeout=None if timeout is None else TIMEOUT.read("timeout", timeout),
        max_attempts=None if max_attempts is None else NUMBER.read("max_attempts", max_attempts),
        scheduled=Flag().read("scheduled", scheduled),
    )
    if bounds.scheduled and bounds.timeout is None:
        raise InvalidJob(
            "scheduled=True waits for jobs that may be due in years: say a timeout as well."
        )
    return bounds


def choose(connection: Connection, registry: Registry, *, queues: Any, tasks: Any) -> Choice:
    """Return which jobs are run: those of all queues that are known, and tasks, unless named.

    Raises ``UnknownQueue``, ``UnknownTask``, and ``InvalidJob``.
    """
    if queues is None:
        wanted = manage.queues(connection)
    else:
        wanted = [*_read_names("queues", queues)]
        for name in wanted:
            manage.require_queue(connection, name)
    named = registry.names if tasks is None else _read_names("tasks", tasks)
    for name in named:
        if why := registry.left_out.get(name):
            raise UnknownTask(f"Jobs of the task '{name}' can't be run here: {why}")
        registry.get(name)
    return Choice(queues=wanted, tasks=named)


def run_until_empty(
    database: Database, registry: Registry, settings: Settings, choice: Choice, bounds: Bounds
) -> dict[State, int]:
    """Run the jobs one after another, in this thread, until none is ready or a bound is reached.

    Returns how many jobs are in which state since their last attempt here. Raises
    ``StoreUnavailable``, and ``KeyboardInterrupt`` when what ran has been given back.
    """
    info = describe_consumer(settings, choice.tasks)
    registration = Registration(database, replace(info, queues=tuple(choice.queues), threads=1))
    worker = InlineWorker(database, registry, settings, find_id=lambda: registration.id)
    fulfilled = replace(choice, capabilities=info.capabilities)
    with (
        leased(database, registration, worker.in_flight, settings),
        giving_back(worker.find_run) as check_interrupt,
    ):
        states: dict[str, State] = {}
        for job_id, state in _run(database, worker, fulfilled, bounds):
            states[job_id] = state
            check_interrupt()
    return dict(Counter(states.values()))


def _read_names(name: str, value: Any) -> Sequence[str]:
    return (value,) if isinstance(value, str) else read_texts(name, value)


def _run(
    database: Database, worker: InlineWorker, choice: Choice, bounds: Bounds
) -> Iterator[tuple[str, State]]:
    """Yield the id of each job that was run, and the state that it is in then."""
    end = None if bounds.timeout is None else time.monotonic() + bounds.timeout
    number, pause = 0, FIRST_PAUSE_S
    while _has_time(end) and number != bounds.max_attempts:
        ended = worker.run_next(lambda _: choice)
        if ended is not None:
            job_logs.ended(ended.job, ended.ending, ended.seconds)
            number, pause = number + 1, FIRST_PAUSE_S
            yield ended.job.id, ended.ending.state
        elif not database.write(maintain.make_due_ready):
            if not bounds.scheduled or not _has_scheduled(database, choice):
                return
            time.sleep(pause)
            pause = min(pause * 2, LAST_PAUSE_S)


def _has_time(end: float | None) -> bool:
    return end is None or time.monotonic() < end


def _has_scheduled(database: Database, choice: Choice) -> bool:
    wanted = {"states": [State.SCHEDULED], "queues": choice.queues, "tasks": choice.tasks}
    return bool(database.read(lambda connection: manage.find_ids(connection, limit=1, **wanted)))
