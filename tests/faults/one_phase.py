"""The control: jobs written through zope.sqlalchemy, which commits SQL in the vote.

This is what one does without the commit protocol. The harness must see it fail.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import zope.sqlalchemy
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from collective.coserver.database.engine import get_engine
from coserver_consumer.model.job import RunKey
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.store import enqueue, finish


def join(job: NewJob) -> None:
    """Queue the job with the current transaction."""
    session = _sessions()()
    enqueue.add_many(session.connection(), [job])
    zope.sqlalchemy.mark_changed(session)


def join_effect(key: RunKey) -> None:
    """End the job with the current transaction."""
    session = _sessions()()
    finish.complete_running(session.connection(), key)
    zope.sqlalchemy.mark_changed(session)


@cache
def _sessions() -> scoped_session[Session]:
    sessions: Any = scoped_session(sessionmaker(bind=get_engine()))
    zope.sqlalchemy.register(sessions)
    return sessions
