"""Rules of queues, limits, and jobs that wait for others."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from coserver_consumer.store.database.family import Family
from coserver_consumer.store.schema.migrations.frozen import (
    Id,
    Name,
    Time,
    find_kind,
    make_index,
    make_serial,
    now,
)

revision = "0002"
down_revision = "0001"

HELD_KEY = (
    "CASE WHEN state = 'staged' OR (unique_for = 0 AND run > 0) THEN NULL ELSE unique_key END"
)
OLD_HELD_KEY = "CASE WHEN state = 'staged' THEN NULL ELSE unique_key END"
CLAIM = ["state", "queue", "concurrency_key", "rank", "id"]
OLD_CLAIM = ["state", "queue", "rank", "id"]
JOB_COLUMNS = (
    "unique_for",
    "concurrency_key",
    "waits_for",
    "failed_parents",
    "only_if_failed",
    "is_parent",
)
QUEUE_COLUMNS = ("paused", "max_running", "rate_number", "rate_period")


def upgrade() -> None:
    """Add the columns, and what they need of tables and indexes."""
    for table in ("coserver_job", "coserver_history"):
        for column in _job_columns():
            op.add_column(table, column)
    for column in _queue_columns():
        op.add_column("coserver_queue", column)
    op.add_column("coserver_audit", sa.Column("queue", Name))
    _hold_keys(HELD_KEY)
    op.drop_index("coserver_job_claim", "coserver_job")
    _widen_priority()
    _index_claims(CLAIM)
    _make_tables()
    waits = "state = 'ready' AND requires IS NOT NULL"
    make_index("job_requires", "job", ["state", "requires"], waits)
    make_index("history_unique", "history", ["unique_key"], "unique_key IS NOT NULL")


def downgrade() -> None:
    """Take all that away again."""
    op.drop_index("coserver_history_unique", "coserver_history")
    op.drop_index("coserver_job_requires", "coserver_job")
    for table in ("limit", "start", "dependency"):
        op.drop_table(f"coserver_{table}")
    op.drop_index("coserver_job_claim", "coserver_job")
    _index_claims(OLD_CLAIM)
    _hold_keys(OLD_HELD_KEY)
    op.drop_column("coserver_audit", "queue")
    for name in QUEUE_COLUMNS:
        op.drop_column("coserver_queue", name)
    for table in ("coserver_job", "coserver_history"):
        for name in JOB_COLUMNS:
            op.drop_column(table, name)


def _job_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("unique_for", sa.Double),
        sa.Column("concurrency_key", Name, nullable=False, server_default=""),
        sa.Column("waits_for", sa.Integer, nullable=False, server_default="0"),
        sa.Column("failed_parents", sa.Integer, nullable=False, server_default="0"),
        sa.Column("only_if_failed", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("is_parent", sa.Boolean, nullable=False, server_default=sa.false()),
    ]


def _queue_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("paused", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("max_running", sa.Integer),
        sa.Column("rate_number", sa.Integer),
        sa.Column("rate_period", sa.Double),
    ]


def _hold_keys(rule: str) -> None:
    """Make the generated column anew; SQLite adds only such that aren't stored."""
    is_stored = find_kind() is Family.POSTGRESQL
    op.drop_index("coserver_job_unique", "coserver_job")
    op.drop_column("coserver_job", "held_key")
    op.add_column(
        "coserver_job",
        sa.Column("held_key", sa.String(255), sa.Computed(rule, persisted=is_stored)),
    )
    op.create_index("coserver_job_unique", "coserver_job", ["held_key"], unique=True)


def _widen_priority() -> None:
    """Let PostgreSQL reckon the rank in 64 bits."""
    if find_kind() is not Family.POSTGRESQL:
        return
    op.drop_column("coserver_job", "rank")
    for table in ("coserver_job", "coserver_history"):
        op.alter_column(table, "priority", type_=sa.BigInteger)
    rule = sa.Computed("run_at - priority * 60000000", persisted=True)
    op.add_column("coserver_job", sa.Column("rank", sa.BigInteger, rule))


def _index_claims(columns: list[str]) -> None:
    make_index("job_claim", "job", columns, "state = 'ready'")


def _make_tables() -> None:
    op.create_table(
        "coserver_limit",
        sa.Column("name", Name, primary_key=True),
        sa.Column("max_running", sa.Integer),
        sa.Column("created_at", Time, nullable=False, server_default=now()),
    )
    op.create_table(
        "coserver_start",
        make_serial(),
        sa.Column("queue", Name, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("at", Time, nullable=False, server_default=now()),
    )
    op.create_index("coserver_start_at", "coserver_start", ["queue", "at"])
    op.create_table(
        "coserver_dependency",
        sa.Column("parent_id", Id, primary_key=True),
        sa.Column("job_id", Id, primary_key=True),
        sa.Column("accepts_failure", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    op.create_index("coserver_dependency_job", "coserver_dependency", ["job_id"])
    op.execute("INSERT INTO coserver_limit (name, max_running) VALUES ('*', 1)")
