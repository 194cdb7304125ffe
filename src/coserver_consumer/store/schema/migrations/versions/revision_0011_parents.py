"""A job knows what it came after, also once it doesn't wait for that any more."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from coserver_consumer.store.schema.migrations.frozen import Json

revision = "0011"
down_revision = "0010"

TABLES = ("coserver_job", "coserver_history")


def upgrade() -> None:
    """Add the column, which is empty for jobs of before."""
    for table in TABLES:
        op.add_column(table, sa.Column("parents", Json))


def downgrade() -> None:
    """Take it away."""
    for table in TABLES:
        op.drop_column(table, "parents")
