"""Commits that go wrong at one step, and what the resolver makes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from collective.coserver.evidence import answer
from coserver_consumer import store
from coserver_consumer.maintenance.resolver import apply
from coserver_consumer.model.indoubt import Fate
from coserver_consumer.store import enqueue, finish
from support.jobs import Jobs


def at_finish(act: Callable[[], None]) -> Any:
    """Return a data manager that acts in ``tpc_finish``, after the ZODB's and before ours."""

    class Acting:
        def sortKey(self) -> str:  # noqa: N802
            return "~~b"

        def tpc_finish(self, current: Any) -> None:
            act()

        def __getattr__(self, name: str) -> Any:
            if name in ("abort", "tpc_begin", "commit", "tpc_vote", "tpc_abort"):
                return lambda current: None
            raise AttributeError(name)

    return Acting()


def at_vote(act: Callable[[], None], *, sort_key: str) -> Any:
    """Return a data manager that acts in its ``tpc_vote``."""

    class Acting:
        def sortKey(self) -> str:  # noqa: N802
            return sort_key

        def tpc_vote(self, current: Any) -> None:
            act()

        def __getattr__(self, name: str) -> Any:
            if name in ("abort", "tpc_begin", "commit", "tpc_finish", "tpc_abort"):
                return lambda current: None
            raise AttributeError(name)

    return Acting()


def fail_after_everybody() -> Any:
    """Return a data manager that fails between the two finishes, as a kill there does."""

    def fail() -> None:
        raise RuntimeError("killed between the two finishes")

    return at_finish(fail)


def recover_all(jobs: Jobs, db: Any) -> list[Fate]:
    """Ask the ZODB about all that is open, as the resolver does; return what it said."""
    questions = store.read(jobs.engine, lambda c: finish.find_in_doubt(c, older_than=-1))
    decisions = answer(questions, {"main": db})
    for decision in decisions:
        store.write(jobs.engine, lambda connection, said=decision: apply(connection, said))
    return [decision.fate for decision in decisions]


def drop_all(jobs: Jobs) -> None:
    """End every staged batch as one that never committed."""
    questions = store.read(jobs.engine, lambda c: finish.find_in_doubt(c, older_than=-1))
    for question in questions:
        store.write(jobs.engine, lambda c, batch=question.value: enqueue.drop_staged(c, batch))
