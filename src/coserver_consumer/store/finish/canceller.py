"""Who has cancelled a job that ran meanwhile: its error is to say so when it ends."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.model.lifecycle import describe_cancel
from coserver_consumer.store.schema import tables

NEWEST_ROWS = 100_000  # of the audit, among which a job's are looked for


def find_canceller(connection: Connection, job_id: str) -> str | None:
    """Return who asked last to cancel the job, None if nobody did or it isn't known.

    The audit has no index of jobs: what is asked for was written lately.
    """
    audit = tables.audit.c
    newest = sa.select(sa.func.max(audit.id)).scalar_subquery()
    query = sa.select(audit.who).where(
        audit.id > newest - NEWEST_ROWS, audit.job_id == job_id, audit.action == "cancel"
    )
    return connection.execute(query.order_by(audit.id.desc()).limit(1)).scalar()


def explain_cancel(connection: Connection, job_id: str) -> str:
    """Return how the error begins of a job that somebody has asked to stop."""
    return describe_cancel(find_canceller(connection, job_id))
