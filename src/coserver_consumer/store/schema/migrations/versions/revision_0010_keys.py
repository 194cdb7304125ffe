"""Keys of other programs, and whose key the audit tells of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from coserver_consumer.store.schema.migrations.frozen import Id, Json, Name, now

revision = "0010"
down_revision = "0009"

KEY = "coserver_key"
AUDIT = "coserver_audit"
SITE_LENGTH = 512


def upgrade() -> None:
    """Make the table and the column."""
    op.create_table(
        KEY,
        sa.Column("id", Id, primary_key=True),
        sa.Column("name", Name, nullable=False),
        sa.Column("owner", Name, nullable=False),
        sa.Column("site", sa.String(SITE_LENGTH), nullable=False),
        sa.Column("origin", Json, nullable=False),
        sa.Column("tasks", Json, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("seal", sa.String(64)),
        sa.Column("created_at", sa.BigInteger, nullable=False, server_default=now()),
        sa.Column("created_by", Name),
        sa.Column("revoked_at", sa.BigInteger),
        sa.Column("revoked_by", Name),
        sa.Column("last_used_at", sa.BigInteger),
        sa.Column("jobs", sa.BigInteger, nullable=False, server_default="0"),
    )
    op.add_column(AUDIT, sa.Column("key_name", Name))


def downgrade() -> None:
    """Remove them; no key is valid then."""
    op.drop_column(AUDIT, "key_name")
    op.drop_table(KEY)
