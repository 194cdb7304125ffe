"""The ends of jobs that Zope hasn't been told of yet."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from coserver_consumer.store.schema.migrations.frozen import Id, LongText, Name, make_serial, now

revision = "0013"
down_revision = "0012"

EVENT = "coserver_event"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        EVENT,
        make_serial(),
        sa.Column("job_id", Id, nullable=False),
        sa.Column("queue", Name, nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("error", LongText),
        sa.Column("at", sa.BigInteger, nullable=False, server_default=now()),
        sa.Column("due_at", sa.BigInteger, nullable=False, server_default=now()),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    )
    op.create_index(f"{EVENT}_due", EVENT, ["due_at"])
    op.create_index(f"{EVENT}_job", EVENT, ["job_id"])


def downgrade() -> None:
    """Remove it; what is in it is never told."""
    op.drop_table(EVENT)
