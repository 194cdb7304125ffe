"""What a worker process is made of: its tasks, its database and its worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from coserver_consumer.model.current_job import CurrentJob
from coserver_consumer.model.job import Job
from coserver_consumer.model.lifecycle import Ending
from coserver_consumer.processes.forks import Attempt, end_in_children
from coserver_consumer.processes.own_files import OwnFiles
from coserver_consumer.runtime.database import Database
from coserver_consumer.runtime.registration import Registration, describe_consumer
from coserver_consumer.settings.settings import Settings
from coserver_consumer.tasks.context import TaskContext
from coserver_consumer.tasks.registry import Registry, load_registry
from coserver_consumer.worker.executor import Executor
from coserver_consumer.worker.keys import Keys
from coserver_consumer.worker.worker import Worker
from coserver_consumer.zope.router import Zope


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts of one worker process. ``zope`` is None if none of its tasks runs in Zope."""

    settings: Settings
    registry: Registry
    database: Database
    registration: Registration
    worker: Worker
    zope: Zope | None


def make_parts(
    settings: Settings, database: Database, own: OwnFiles, *, announce: Callable[[str], None]
) -> Parts:
    """Return the parts; raise ``ConfigurationError`` and ``InvalidTask``.

    ``own`` are the files that no job may close. ``announce`` is called with each id that the
    process has its leases under.
    """
    context = TaskContext(settings=settings)
    registry = load_registry(context)
    registration = Registration(
        database, describe_consumer(settings, registry.names), announce=announce
    )
    return Parts(
        settings=settings,
        registry=registry,
        database=database,
        registration=registration,
        worker=_make_worker(settings, registry, database, registration, own),
        zope=context.zope if registry.in_zope else None,
    )


def _make_worker(
    settings: Settings,
    registry: Registry,
    database: Database,
    registration: Registration,
    own: OwnFiles,
) -> Worker:
    executor = Executor(registry=registry, settings=settings, keys=Keys(database))

    def runs_elsewhere(job: Job) -> bool:
        """Return True if a Zope instance is at the job, and not this process."""
        return job.task in registry.in_zope and not settings.runs_in_process(job.queue)

    return Worker(
        database=database,
        registration=registration,
        settings=settings,
        attempt=_keep_files(end_in_children(executor.attempt), own),
        policy=registry.policy,
        is_elsewhere=runs_elsewhere,
    )


def _keep_files(attempt: Attempt, own: OwnFiles) -> Attempt:
    """Return ``attempt``, behind which this process ends if a job has closed its files."""

    def run(current: CurrentJob) -> Ending:
        ending = attempt(current)
        own.require()
        return ending

    return run
