"""History by days of creation on PostgreSQL; the jobs of a site are found by an index everywhere.

The table of before becomes the default partition, so no row is copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from coserver_consumer.store.database.family import Family
from coserver_consumer.store.schema.migrations.frozen import find_kind

revision = "0005"
down_revision = "0004"

JOB, HISTORY, REST = "coserver_job", "coserver_history", "coserver_history_rest"
EXACTLY = "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
# Of each index of the history: its columns, and of which rows it is.
INDEXES = {
    "ended": ("ended_at", ""),
    "unique": ("unique_key", "WHERE unique_key IS NOT NULL"),
    "state": ("state, id", "WHERE state <> 'completed'"),
    "owner": ("owner, id", "WHERE owner IS NOT NULL"),
    "batch": ("batch", "WHERE state = 'dropped'"),
    "site": ("site, id", "WHERE site IS NOT NULL"),
}


def upgrade() -> None:
    """Index the sites; make the history a table of partitions where it can be one."""
    if find_kind() is Family.MYSQL:
        _size_sites(512)  # an index takes 3072 bytes, and a character up to 4
    for table in (JOB, HISTORY):
        _index_sites(table)
    if find_kind() is Family.POSTGRESQL:
        _partition()


def downgrade() -> None:
    """Put all history into one table again."""
    if find_kind() is Family.POSTGRESQL:
        _unite()
    for table in (JOB, HISTORY):
        op.drop_index(f"{table}_site", table)
    if find_kind() is Family.MYSQL:
        _size_sites(1024)


def _size_sites(length: int) -> None:
    for table in (JOB, HISTORY):
        op.execute(f"ALTER TABLE {table} MODIFY site varchar({length}) {EXACTLY}")


def _index_sites(table: str) -> None:
    known = sa.text("site IS NOT NULL")
    columns = ["site", "id"]
    op.create_index(f"{table}_site", table, columns, postgresql_where=known, sqlite_where=known)


def _partition() -> None:
    """Make the parent; each of its indexes takes the one that the default partition has."""
    op.rename_table(HISTORY, REST)
    for name in ("pkey", *INDEXES):
        op.execute(f"ALTER INDEX {HISTORY}_{name} RENAME TO {REST}_{name}")
    op.execute(
        f"CREATE TABLE {HISTORY} (LIKE {REST} INCLUDING DEFAULTS INCLUDING STORAGE,"
        f" CONSTRAINT {HISTORY}_pkey PRIMARY KEY (id)) PARTITION BY RANGE (id)"
    )
    for name, (columns, where) in INDEXES.items():
        op.execute(f"CREATE INDEX {HISTORY}_{name} ON {HISTORY} ({columns}) {where}")
    _copy_rights(REST, HISTORY)
    op.execute(f"ALTER TABLE {HISTORY} ATTACH PARTITION {REST} DEFAULT")


def _unite() -> None:
    """Move the rows of all days into the default partition, which is the only table then."""
    op.execute(f"ALTER TABLE {HISTORY} DETACH PARTITION {REST}")
    op.execute("INSERT INTO coserver_history_rest TABLE coserver_history")
    _copy_rights(HISTORY, REST)
    op.drop_table(HISTORY)
    op.rename_table(REST, HISTORY)
    for name in ("pkey", *INDEXES):
        op.execute(f"ALTER INDEX {REST}_{name} RENAME TO {HISTORY}_{name}")


def _copy_rights(source: str, target: str) -> None:
    """Let everybody do with one table what they may do with the other."""
    owner, rights = _find_rights(source)
    op.execute(f"ALTER TABLE {target} OWNER TO {owner}")
    for right, who, is_grantable in rights:
        passing_on = " WITH GRANT OPTION" if is_grantable else ""
        op.execute(f"GRANT {right} ON {target} TO {who}{passing_on}")


def _find_rights(table: str) -> tuple[str, Sequence[Any]]:
    """Return who owns a table, and what others may do with it."""
    bind = op.get_bind()
    owner = sa.text("SELECT relowner::regrole::text FROM pg_class WHERE oid = to_regclass(:name)")
    rights = sa.text(
        "SELECT privilege_type, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END,"
        " is_grantable FROM pg_class, aclexplode(relacl) WHERE oid = to_regclass(:name)"
    )
    return bind.scalar(owner, {"name": table}), bind.execute(rights, {"name": table}).all()
