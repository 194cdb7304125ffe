"""A program that runs jobs itself, with the tasks that are installed where it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from coserver_consumer import store
from coserver_consumer.inline.until_empty import Bounds, choose, run_until_empty
from coserver_consumer.model.job import State
from coserver_consumer.runtime.database import Database
from coserver_consumer.settings.loading import load_settings
from coserver_consumer.settings.settings import Settings
from coserver_consumer.tasks.context import TaskContext
from coserver_consumer.tasks.registry import Registry, load_registry

IN_ZOPE = "they run in Zope. Call queue.run_until_empty there, or run a consumer."


def run_here(
    engine: Engine, config: Path | None, bounds: Bounds, *, queues: Any, tasks: Any
) -> dict[State, int]:
    """Run jobs with the settings of the environment and of the file ``config``.

    Raises ``ConfigurationError``, ``InvalidTask``, and as ``choose`` and ``run_until_empty``.
    """
    settings = load_settings(config, database=engine.url.render_as_string(hide_password=False))
    registry = _load_registry(settings)
    choice = store.read(engine, lambda c: choose(c, registry, queues=queues, tasks=tasks))
    return run_until_empty(Database(engine), registry, settings, choice, bounds)


def _load_registry(settings: Settings) -> Registry:
    """Return the tasks that are installed here, without those whose jobs run in Zope."""
    found = load_registry(TaskContext(settings=settings))
    in_zope = dict.fromkeys(found.in_zope, IN_ZOPE)
    return Registry(
        tasks={name: task for name, task in found.tasks.items() if name not in in_zope},
        left_out={**found.left_out, **in_zope},
    )
