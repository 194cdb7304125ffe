"""The first tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from coserver_consumer.store.schema.migrations.frozen import (
    Bytes,
    Id,
    Json,
    LongText,
    Name,
    Time,
    make_index,
    make_serial,
    new_id,
    now,
)

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables and their indexes."""
    _make_job()
    _make_history()
    _make_error()
    _make_line()
    _make_consumer()
    _make_queue_and_audit()
    _make_job_indexes()
    _make_other_indexes()


def downgrade() -> None:
    """Remove the tables with all that is in them."""
    for table in ("job", "history", "error", "line", "queue", "consumer", "audit"):
        op.drop_table(f"coserver_{table}")


def _job_columns() -> Iterator[sa.Column[Any]]:
    yield sa.Column("id", Id, primary_key=True, server_default=new_id())
    yield sa.Column("queue", Name, nullable=False, server_default="default")
    yield sa.Column("state", sa.String(12), nullable=False, server_default="ready")
    yield sa.Column("priority", sa.Integer, nullable=False, server_default="0")
    yield sa.Column("run_at", Time, nullable=False, server_default=now())
    yield sa.Column("run", sa.BigInteger, nullable=False, server_default="0")
    yield sa.Column("attempt", sa.Integer, nullable=False, server_default="0")
    yield sa.Column("max_attempts", sa.Integer)
    yield sa.Column("rescues", sa.Integer, nullable=False, server_default="0")
    yield sa.Column("task", Name, nullable=False)
    yield sa.Column("args", Json, nullable=False, server_default=sa.text("('{}')"))
    yield sa.Column("payload", Bytes)
    yield sa.Column("owner", Name)
    yield sa.Column("site", sa.String(1024))
    yield sa.Column("origin", Json)
    yield sa.Column("title", sa.String(1024))
    yield sa.Column("unique_key", sa.String(255))
    yield sa.Column("requires", sa.String(255))
    yield sa.Column("signature", sa.String(128))
    yield sa.Column("timeout", sa.Double)
    yield sa.Column("consumer", Id)
    yield sa.Column("created_at", Time, nullable=False, server_default=now())
    yield sa.Column("started_at", Time)
    yield sa.Column("deadline_at", Time)
    yield sa.Column("voted_at", Time)
    yield sa.Column("cancel_at", Time)
    yield sa.Column("progress", sa.Double)
    yield sa.Column("progress_text", sa.String(1024))
    yield sa.Column("batch", Id)
    yield sa.Column("evidence", Json)
    yield sa.Column("tid", sa.BigInteger)


def _make_job() -> None:
    op.create_table(
        "coserver_job",
        *_job_columns(),
        sa.Column(
            "rank", sa.BigInteger, sa.Computed("run_at - priority * 60000000", persisted=True)
        ),
        sa.Column(
            "held_key",
            sa.String(255),
            sa.Computed("CASE WHEN state = 'staged' THEN NULL ELSE unique_key END", persisted=True),
        ),
    )


def _make_history() -> None:
    op.create_table(
        "coserver_history",
        *_job_columns(),
        sa.Column("ended_at", Time, nullable=False, server_default=now()),
        sa.Column("result", Json),
        sa.Column("error", LongText),
    )


def _make_error() -> None:
    op.create_table(
        "coserver_error",
        make_serial(),
        sa.Column("job_id", Id, nullable=False),
        sa.Column("run", sa.BigInteger, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("consumer", Id),
        sa.Column("error", LongText, nullable=False),
        sa.Column("traceback", LongText),
        sa.Column("at", Time, nullable=False, server_default=now()),
    )


def _make_line() -> None:
    op.create_table(
        "coserver_line",
        make_serial(),
        sa.Column("job_id", Id, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("text", LongText, nullable=False),
        sa.Column("at", Time, nullable=False, server_default=now()),
    )


def _make_consumer() -> None:
    op.create_table(
        "coserver_consumer",
        sa.Column("id", Id, primary_key=True),
        sa.Column("name", Name, nullable=False),
        sa.Column("hostname", Name, nullable=False),
        sa.Column("pid", sa.BigInteger, nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("queues", Json, nullable=False),
        sa.Column("tasks", Json, nullable=False),
        sa.Column("capabilities", Json, nullable=False),
        sa.Column("threads", sa.Integer, nullable=False),
        sa.Column("running", sa.Integer, nullable=False, server_default="0"),
        sa.Column("started_at", Time, nullable=False, server_default=now()),
        sa.Column("heartbeat_at", Time, nullable=False, server_default=now()),
    )


def _make_queue_and_audit() -> None:
    op.create_table(
        "coserver_queue",
        sa.Column("name", Name, primary_key=True),
        sa.Column("created_at", Time, nullable=False, server_default=now()),
    )
    op.create_table(
        "coserver_audit",
        make_serial(),
        sa.Column("at", Time, nullable=False, server_default=now()),
        sa.Column("who", Name),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("job_id", Id),
    )
    op.execute("INSERT INTO coserver_queue (name) VALUES ('default')")


def _make_job_indexes() -> None:
    op.create_index("coserver_job_unique", "coserver_job", ["held_key"], unique=True)
    make_index("job_claim", "job", ["state", "queue", "rank", "id"], "state = 'ready'")
    make_index("job_due", "job", ["state", "run_at"], "state = 'scheduled'")
    make_index("job_in_doubt", "job", ["state", "created_at"], "state IN ('staged', 'finishing')")
    make_index("job_lease", "job", ["consumer"], "consumer IS NOT NULL")
    make_index("job_batch", "job", ["batch"], "batch IS NOT NULL")
    make_index("job_owner", "job", ["owner", "id"], "owner IS NOT NULL")


def _make_other_indexes() -> None:
    op.create_index("coserver_error_job", "coserver_error", ["job_id"])
    op.create_index("coserver_line_job", "coserver_line", ["job_id"])
    op.create_index("coserver_history_ended", "coserver_history", ["ended_at"])
    make_index("history_state", "history", ["state", "id"], "state <> 'completed'")
    make_index("history_owner", "history", ["owner", "id"], "owner IS NOT NULL")
    make_index("history_batch", "history", ["batch"], "state = 'dropped'")
