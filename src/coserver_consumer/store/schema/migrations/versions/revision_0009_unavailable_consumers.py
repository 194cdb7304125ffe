"""A consumer says what it can't do at the moment."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from coserver_consumer.store.schema.migrations.frozen import Json

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the column, which is empty for consumers of before."""
    op.add_column("coserver_consumer", sa.Column("unavailable", Json))


def downgrade() -> None:
    """Take it away."""
    op.drop_column("coserver_consumer", "unavailable")
