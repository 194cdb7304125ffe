"""Up to which transaction of each ZODB the queue is known to agree with it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from coserver_consumer.store.schema.migrations.frozen import Name, now

revision = "0008"
down_revision = "0007"

ZODB = "coserver_zodb"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        ZODB,
        sa.Column("name", Name, primary_key=True),
        sa.Column("tid", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False, server_default=now()),
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_table(ZODB)
