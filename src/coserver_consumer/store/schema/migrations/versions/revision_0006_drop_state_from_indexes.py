"""No index of one state leads with the state on PostgreSQL, which would read the whole of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from coserver_consumer.store.database.family import Family
from coserver_consumer.store.schema.migrations.frozen import find_kind

revision = "0006"
down_revision = "0005"

JOB = "coserver_job"
# Of each index: its columns behind the state, and of which rows it is.
INDEXES = {
    "claim": (["queue", "concurrency_key", "rank", "id"], "state = 'ready'"),
    "requires": (["requires"], "state = 'ready' AND requires IS NOT NULL"),
    "due": (["run_at"], "state = 'scheduled'"),
}


def upgrade() -> None:
    """Leave the state out."""
    _make_anew()


def downgrade() -> None:
    """Lead with the state, as elsewhere."""
    _make_anew("state")


def _make_anew(*first: str) -> None:
    if find_kind() is not Family.POSTGRESQL:
        return
    for name, (columns, where) in INDEXES.items():
        op.drop_index(f"{JOB}_{name}", JOB)
        op.create_index(f"{JOB}_{name}", JOB, [*first, *columns], postgresql_where=sa.text(where))
