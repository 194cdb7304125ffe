"""Scripts that run Zope's jobs themselves, as for a migration."""

from __future__ import annotations

from typing import Any

import transaction

from collective.coserver.database.engine import get_engine, read
from collective.coserver.database.settings import get_settings
from collective.coserver.identity.sent_request import find_sent_request
from collective.coserver.inline.tasks import REGISTRY
from coserver_consumer.inline.until_empty import choose, read_bounds
from coserver_consumer.inline.until_empty import run_until_empty as run
from coserver_consumer.model.errors import NotCommitted
from coserver_consumer.model.job import State
from coserver_consumer.runtime.database import Database


def run_until_empty(*, queues: Any, tasks: Any, **said: Any) -> dict[State, int]:
    """Run jobs in this thread; begin another transaction afterwards, which sees what they did.

    ``said`` are the bounds. Raises ``NotCommitted``, and as ``choose`` and ``run``.
    """
    bounds = read_bounds(**said)
    _require_script()
    choice = read(lambda connection: choose(connection, REGISTRY, queues=queues, tasks=tasks))
    try:
        return run(Database(get_engine()), REGISTRY, get_settings(), choice, bounds)
    finally:
        transaction.begin()


def _require_script() -> None:
    """Raise ``NotCommitted`` where jobs, which end the thread's transaction, would end another."""
    if find_sent_request() is not None:
        raise NotCommitted(
            "Jobs can't be run here: a request is being published in this thread, and they would "
            "end its transaction. Call run_until_empty in a script, as `zconsole run` does it."
        )
    if transaction.get()._resources:  # noqa: SLF001  there is no public list
        raise NotCommitted(
            "Jobs can't be run now: the transaction has changes, which they would abort and "
            "couldn't see. Call transaction.commit() or abort() first."
        )
