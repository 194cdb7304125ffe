"""What is queued when a request's transaction is over: refused, never lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import transaction
from zope.component import getGlobalSiteManager
from zope.interface.registry import Components
from ZPublisher.interfaces import (
    IPubBeforeAbort,
    IPubBeforeCommit,
    IPubEvent,
    IPubFailure,
    IPubSuccess,
)
from ZPublisher.pubevents import PubSuccess

from collective.coserver import queue
from collective.coserver.datamanager.afterwards import afterwards
from coserver_consumer.errors import AddError
from tests.plone.instance import Instance

TELL = "/plone/@@test-tell"
FAIL = "/plone/@@test-end?how=error"


@pytest.fixture
def subscribe() -> Iterator[Callable[..., list[Any]]]:
    """Have something done at an event of the publisher; what it returns or raises is listed."""
    site = getGlobalSiteManager()
    handlers: list[tuple[Any, Any]] = []

    def add(kind: Any, act: Callable[[], Any]) -> list[Any]:
        found: list[Any] = []

        def handler(event: Any) -> None:
            try:
                found.append(act())
            except AddError as error:
                found.append(str(error))

        site.registerHandler(handler, (kind,))
        handlers.append((handler, kind))
        return found

    yield add
    for handler, kind in handlers:
        site.unregisterHandler(handler, (kind,))


@pytest.mark.parametrize(
    ("kind", "path"),
    [(IPubSuccess, TELL), (IPubFailure, FAIL), (IPubBeforeAbort, FAIL)],
)
def test_a_job_that_comes_too_late_is_refused(
    instance: Instance, subscribe: Callable[..., list[Any]], kind: Any, path: str
) -> None:
    """Its id would lead to nothing."""
    found = subscribe(kind, lambda: queue.add(TELL))
    instance.browse(path)
    (said,) = found
    assert said.startswith("No job can be queued now: the request's transaction has ended")
    assert "a transaction of its own" in said
    assert instance.jobs.count_live() == 0


def test_a_job_before_the_commit_is_queued(
    instance: Instance, subscribe: Callable[..., list[Any]]
) -> None:
    """That is what the message recommends."""
    found = subscribe(IPubBeforeCommit, lambda: queue.add(TELL))
    instance.browse(TELL)
    assert instance.jobs.exists(found[0])


def test_a_job_in_a_transaction_of_its_own_is_queued(
    instance: Instance, subscribe: Callable[..., list[Any]]
) -> None:
    """And so is that."""

    def queue_alone() -> str:
        with transaction.manager:
            return queue.add(TELL)

    found = subscribe(IPubSuccess, queue_alone)
    instance.browse(TELL)
    assert instance.jobs.exists(found[0])


def test_the_next_request_in_the_thread_may_queue(
    instance: Instance, subscribe: Callable[..., list[Any]]
) -> None:
    """What was said of one request doesn't hold for the next, nor for a conflict's retry."""
    subscribe(IPubSuccess, lambda: queue.add(TELL))
    for _ in range(8):  # as many as the server has threads, and more
        instance.browse(TELL)
        instance.queue(TELL)
    assert instance.jobs.count_live() == 8


def test_a_general_subscriber_is_called_first() -> None:
    """Whoever subscribed before: that is why ours hears of the end before others act on it."""
    registry, called = Components("test"), []
    registry.registerHandler(lambda event: called.append("special"), (IPubSuccess,))
    registry.registerHandler(lambda event: called.append("general"), (IPubEvent,))
    registry.handle(PubSuccess(None))
    assert called == ["general", "special"]


def test_a_thread_s_own_transaction_is_known() -> None:
    """Also after somebody has cleared the manager's synchronizers."""
    transaction.abort()
    try:
        afterwards.start()
        assert afterwards.is_too_late_for(transaction.get())
        transaction.manager.clearSynchs()
        afterwards.start()
        assert not afterwards.is_too_late_for(transaction.begin())
        transaction.commit()
        assert afterwards.is_too_late_for(transaction.get())
    finally:
        afterwards.end()
    assert not afterwards.is_too_late_for(transaction.get())
