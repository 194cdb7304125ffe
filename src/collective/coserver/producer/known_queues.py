"""The names of the queues, as far as this process has heard of them."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from sqlalchemy import Engine

from collective.coserver.database.engine import get_engine
from coserver_consumer import store
from coserver_consumer.model.queue_name import unknown_queue
from coserver_consumer.store import manage

_heard_of: WeakKeyDictionary[Engine, frozenset[str]] = WeakKeyDictionary()


def require_queue(name: str) -> None:
    """Raise ``UnknownQueue`` unless the store has the queue.

    The store is asked about names that this process hasn't met yet; queues don't go away.
    """
    engine = get_engine()
    if name in _heard_of.get(engine, ()):
        return
    with store.naming_outages(engine):
        _heard_of[engine] = known = frozenset(store.read(engine, manage.queues))
    if name not in known:
        raise unknown_queue(name, sorted(known))
