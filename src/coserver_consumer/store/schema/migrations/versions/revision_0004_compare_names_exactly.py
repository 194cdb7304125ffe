"""Names that differ in case are different on MariaDB too; no index entry for a key that nobody has.

MariaDB compares text as its collation says, and the usual one takes ``k`` and ``K`` for the same.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from coserver_consumer.store.database.family import Family
from coserver_consumer.store.schema.migrations.frozen import find_kind

revision = "0004"
down_revision = "0003"

EXACTLY = "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
NAME, KEY = "varchar(190)", "varchar(255)"
# Of each table: the columns with what stands behind their type.
NAMES = {
    "coserver_queue": {"name": f"{NAME} {EXACTLY} NOT NULL"},
    "coserver_limit": {"name": f"{NAME} {EXACTLY} NOT NULL"},
    "coserver_start": {"queue": f"{NAME} {EXACTLY} NOT NULL"},
}
OF_JOBS = {
    "queue": f"{NAME} {EXACTLY} NOT NULL DEFAULT 'default'",
    "task": f"{NAME} {EXACTLY} NOT NULL",
    "owner": f"{NAME} {EXACTLY}",
    "concurrency_key": f"{NAME} {EXACTLY} NOT NULL DEFAULT ''",
    "unique_key": f"{KEY} {EXACTLY}",
    "requires": f"{KEY} {EXACTLY}",
}


def upgrade() -> None:
    """Compare names exactly, and index the keys that are held."""
    op.drop_index("coserver_job_unique", "coserver_job")
    if find_kind() is Family.MYSQL:
        _compare_exactly()
    held = sa.text("held_key IS NOT NULL")
    op.create_index(
        "coserver_job_unique",
        "coserver_job",
        ["held_key"],
        unique=True,
        postgresql_where=held,
        sqlite_where=held,
    )


def downgrade() -> None:
    """Index all rows again; the names stay as they are."""
    op.drop_index("coserver_job_unique", "coserver_job")
    op.create_index("coserver_job_unique", "coserver_job", ["held_key"], unique=True)


def _compare_exactly() -> None:
    rule = (
        "CASE WHEN state = 'staged' OR (unique_for = 0 AND run > 0) THEN NULL ELSE unique_key END"
    )
    op.execute("ALTER TABLE coserver_job DROP COLUMN held_key")
    for table in ("coserver_job", "coserver_history"):
        _modify(table, OF_JOBS)
    for table, columns in NAMES.items():
        _modify(table, columns)
    op.execute(f"ALTER TABLE coserver_job ADD COLUMN held_key {KEY} {EXACTLY} AS ({rule}) VIRTUAL")


def _modify(table: str, columns: dict[str, str]) -> None:
    changes = ", ".join(f"MODIFY {name} {rest}" for name, rest in columns.items())
    op.execute(f"ALTER TABLE {table} {changes}")
