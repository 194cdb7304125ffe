"""Jobs that expire unless they are begun by a moment."""

from __future__ import annotations

from typing import assert_never

import sqlalchemy as sa
from alembic import op

from coserver_consumer.store.database.family import Family
from coserver_consumer.store.schema.migrations.frozen import find_kind, make_index

revision = "0012"
down_revision = "0011"

JOB, HISTORY = "coserver_job", "coserver_history"
INDEX = f"{JOB}_expires"
RULE = f"{JOB}_expires_at_in_microseconds"
EARLIEST, LATEST = 1_000_000_000_000_000, 253_402_300_799_999_999  # 2001-09-09 to the year 9999
HOLDS = f"expires_at BETWEEN {EARLIEST} AND {LATEST}"


def upgrade() -> None:
    """Add the columns, an index of the jobs that may expire, and what a moment must be."""
    for table in (JOB, HISTORY):
        op.add_column(table, sa.Column("expires_at", sa.BigInteger))
    make_index("job_expires", "job", ["expires_at"], "expires_at IS NOT NULL")
    match kind := find_kind():
        case Family.SQLITE:
            _make_trigger("added", "INSERT")
            _make_trigger("changed", "UPDATE OF expires_at")
        case Family.POSTGRESQL | Family.MYSQL:
            op.execute(f"ALTER TABLE {JOB} ADD CONSTRAINT {RULE} CHECK ({HOLDS})")
        case _:
            assert_never(kind)


def downgrade() -> None:
    """Take them away; no job expires then."""
    match kind := find_kind():
        case Family.SQLITE:
            for name in ("added", "changed"):
                op.execute(f"DROP TRIGGER {INDEX}_{name}")
        case Family.POSTGRESQL | Family.MYSQL:
            op.execute(f"ALTER TABLE {JOB} DROP CONSTRAINT {RULE}")
        case _:
            assert_never(kind)
    op.drop_index(INDEX, JOB)
    for table in (JOB, HISTORY):
        op.drop_column(table, "expires_at")


def _make_trigger(name: str, event: str) -> None:
    """Have SQLite, which takes anything, refuse what is no moment."""
    said = f"{JOB}.expires_at must be"
    op.execute(
        f"CREATE TRIGGER {INDEX}_{name} AFTER {event} ON {JOB} WHEN NEW.expires_at IS NOT NULL"
        " BEGIN SELECT CASE WHEN typeof(NEW.expires_at) <> 'integer' THEN"
        f" RAISE(ABORT, '{said} an integer') WHEN NOT (NEW.{HOLDS}) THEN"
        f" RAISE(ABORT, '{said} in microseconds since 1970, such as 1893456000000000 for 2030')"
        " END; END"
    )
