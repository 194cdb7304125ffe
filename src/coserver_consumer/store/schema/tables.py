"""The tables. They are a contract: any program may write jobs and read all of it.

``coserver_job`` holds live jobs only, so that neither history nor anything that grows slows the
claim. Every column but ``task`` has a default in the database. Times are microseconds since the
epoch; see ``clock``. Alembic's migrations make the tables; a test compares them with this file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from coserver_consumer.store.schema.clock import NewId, Now
from coserver_consumer.store.schema.types import Bytes, Id, Json, LongText, Name, Site, Time

REVISION = "0013"  # the Alembic revision that has these tables
VERSION_TABLE = "coserver_version"
MINUTE = 60_000_000  # microseconds

# PostgreSQL would reckon the rank of an important job in 32 bits.
Priority = sa.Integer().with_variant(sa.BigInteger, "postgresql")

metadata = sa.MetaData()


def _serial() -> sa.Column[Any]:
    """Return an id that the database counts up."""
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    return sa.Column("id", number, primary_key=True, autoincrement=True)


def _job_columns() -> Iterator[sa.Column[Any]]:
    """What a live job and its history have in common."""
    yield sa.Column("id", Id, primary_key=True, server_default=NewId())
    yield sa.Column("queue", Name, nullable=False, server_default="default")
    yield sa.Column("state", sa.String(12), nullable=False, server_default="ready")
    yield sa.Column("priority", Priority, nullable=False, server_default="0")
    yield sa.Column("run_at", Time, nullable=False, server_default=Now())
    yield sa.Column("run", sa.BigInteger, nullable=False, server_default="0")
    yield sa.Column("attempt", sa.Integer, nullable=False, server_default="0")
    yield sa.Column("max_attempts", sa.Integer)
    yield sa.Column("rescues", sa.Integer, nullable=False, server_default="0")
    yield sa.Column("task", Name, nullable=False)
    yield sa.Column("args", Json, nullable=False, server_default=sa.text("('{}')"))
    yield sa.Column("payload", Bytes)
    yield sa.Column("owner", Name)
    yield sa.Column("site", Site)
    yield sa.Column("origin", Json)
    yield sa.Column("title", sa.String(1024))
    yield sa.Column("unique_key", sa.String(255))
    yield sa.Column("unique_for", sa.Double)
    yield sa.Column("concurrency_key", Name, nullable=False, server_default="")
    yield sa.Column("requires", sa.String(255))
    yield sa.Column("signature", sa.String(128))
    yield sa.Column("timeout", sa.Double)
    yield sa.Column("consumer", Id)
    yield sa.Column("created_at", Time, nullable=False, server_default=Now())
    yield sa.Column("started_at", Time)
    yield sa.Column("deadline_at", Time)
    yield sa.Column("voted_at", Time)
    yield sa.Column("cancel_at", Time)
    yield sa.Column("expires_at", Time)
    yield sa.Column("progress", sa.Double)
    yield sa.Column("progress_text", sa.String(1024))
    yield sa.Column("batch", Id)
    yield sa.Column("evidence", Json)
    yield sa.Column("tid", sa.BigInteger)
    yield sa.Column("parents", Json)  # the ids of what it came after, in that order
    yield sa.Column("waits_for", sa.Integer, nullable=False, server_default="0")
    yield sa.Column("failed_parents", sa.Integer, nullable=False, server_default="0")
    yield sa.Column("only_if_failed", sa.Boolean, nullable=False, server_default=sa.false())
    yield sa.Column("is_parent", sa.Boolean, nullable=False, server_default=sa.false())


# Priority is a head start in time: each point is worth a minute of waiting, so nothing starves.
RANK = f"run_at - priority * {MINUTE}"
# A staged job holds its key only once its request has committed; one that is unique while it waits,
# until it is claimed for the first time.
HELD_KEY = (
    "CASE WHEN state = 'staged' OR (unique_for = 0 AND run > 0) THEN NULL ELSE unique_key END"
)

job = sa.Table(
    "coserver_job",
    metadata,
    *_job_columns(),
    sa.Column("rank", sa.BigInteger, sa.Computed(RANK, persisted=True)),
    sa.Column("held_key", sa.String(255), sa.Computed(HELD_KEY)),
)

history = sa.Table(
    "coserver_history",
    metadata,
    *_job_columns(),
    sa.Column("ended_at", Time, nullable=False, server_default=Now()),
    sa.Column("result", Json),
    sa.Column("error", LongText),
    postgresql_partition_by="RANGE (id)",  # see ``partitions``
)

error = sa.Table(
    "coserver_error",
    metadata,
    _serial(),
    sa.Column("job_id", Id, nullable=False),
    sa.Column("run", sa.BigInteger, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("consumer", Id),
    sa.Column("error", LongText, nullable=False),
    sa.Column("traceback", LongText),
    sa.Column("at", Time, nullable=False, server_default=Now()),
)

line = sa.Table(
    "coserver_line",
    metadata,
    _serial(),
    sa.Column("job_id", Id, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("text", LongText, nullable=False),
    sa.Column("at", Time, nullable=False, server_default=Now()),
)

queue = sa.Table(
    "coserver_queue",
    metadata,
    sa.Column("name", Name, primary_key=True),
    sa.Column("created_at", Time, nullable=False, server_default=Now()),
    sa.Column("paused", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("max_running", sa.Integer),
    sa.Column("rate_number", sa.Integer),
    sa.Column("rate_period", sa.Double),
)

limit = sa.Table(
    "coserver_limit",
    metadata,
    sa.Column("name", Name, primary_key=True),
    sa.Column("max_running", sa.Integer),
    sa.Column("created_at", Time, nullable=False, server_default=Now()),
)

start = sa.Table(
    "coserver_start",
    metadata,
    _serial(),
    sa.Column("queue", Name, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("at", Time, nullable=False, server_default=Now()),
)

dependency = sa.Table(
    "coserver_dependency",
    metadata,
    sa.Column("parent_id", Id, primary_key=True),
    sa.Column("job_id", Id, primary_key=True),
    sa.Column("accepts_failure", sa.Boolean, nullable=False, server_default=sa.false()),
)

event = sa.Table(
    "coserver_event",
    metadata,
    _serial(),
    sa.Column("job_id", Id, nullable=False),
    sa.Column("queue", Name, nullable=False),
    sa.Column("state", sa.String(12), nullable=False),
    sa.Column("error", LongText),
    sa.Column("at", Time, nullable=False, server_default=Now()),
    sa.Column("due_at", Time, nullable=False, server_default=Now()),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
)

consumer = sa.Table(
    "coserver_consumer",
    metadata,
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
    sa.Column("started_at", Time, nullable=False, server_default=Now()),
    sa.Column("heartbeat_at", Time, nullable=False, server_default=Now()),
    sa.Column("unavailable", Json),  # see ``Unavailable``
)

audit = sa.Table(
    "coserver_audit",
    metadata,
    _serial(),
    sa.Column("at", Time, nullable=False, server_default=Now()),
    sa.Column("who", Name),
    sa.Column("action", sa.String(32), nullable=False),
    sa.Column("job_id", Id),
    sa.Column("queue", Name),
    sa.Column("key_name", Name),
)

key = sa.Table(
    "coserver_key",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("name", Name, nullable=False),
    sa.Column("owner", Name, nullable=False),
    sa.Column("site", sa.String(512), nullable=False),
    sa.Column("origin", Json, nullable=False),
    sa.Column("tasks", Json, nullable=False),
    sa.Column("expires_at", Time, nullable=False),
    sa.Column("seal", sa.String(64)),  # see ``protocol.key``; none if it is revoked
    sa.Column("created_at", Time, nullable=False, server_default=Now()),
    sa.Column("created_by", Name),
    sa.Column("revoked_at", Time),
    sa.Column("revoked_by", Name),
    sa.Column("last_used_at", Time),
    sa.Column("jobs", sa.BigInteger, nullable=False, server_default="0"),
)

zodb = sa.Table(
    "coserver_zodb",
    metadata,
    sa.Column("name", Name, primary_key=True),
    sa.Column("tid", sa.BigInteger, nullable=False),
    sa.Column("at", Time, nullable=False, server_default=Now()),
)


def _index(
    name: str, *columns: sa.Column[Any], where: str | None = None, unique: bool = False
) -> None:
    """Make an index, partial where the database has such: then its ``info`` has the condition.

    SQLAlchemy's own arguments for it would import the dialects of PostgreSQL and SQLite.
    """
    sa.Index(name, *columns, unique=unique, info={"where": where})


def _index_of_state(name: str, *columns: sa.Column[Any], where: str) -> None:
    """Make an index of the live jobs in the state that ``where`` names, which leads with the state.

    But not on PostgreSQL: there such an index is partial, and PostgreSQL leaves out a condition
    that all its rows fulfil anyway. It would read the whole of an index that led with the state.
    ``info`` names the databases that have it: "postgresql" or "others".
    """
    sa.Index(name, *columns, info={"where": where, "on": "postgresql"})
    sa.Index(name, job.c.state, *columns, info={"where": where, "on": "others"})


_live, _ended = job.c, history.c
_index_of_state(
    "coserver_job_claim",
    *(_live.queue, _live.concurrency_key, _live.rank, _live.id),
    where="state = 'ready'",
)
_index_of_state(
    "coserver_job_requires", _live.requires, where="state = 'ready' AND requires IS NOT NULL"
)
_index_of_state("coserver_job_due", _live.run_at, where="state = 'scheduled'")
_index(
    "coserver_job_in_doubt",
    *(_live.state, _live.created_at),
    where="state IN ('staged', 'finishing')",
)
_index("coserver_job_expires", _live.expires_at, where="expires_at IS NOT NULL")
_index("coserver_job_lease", _live.consumer, where="consumer IS NOT NULL")
_index("coserver_job_batch", _live.batch, where="batch IS NOT NULL")
_index("coserver_job_owner", _live.owner, _live.id, where="owner IS NOT NULL")
_index("coserver_job_site", _live.site, _live.id, where="site IS NOT NULL")
_index("coserver_job_unique", _live.held_key, unique=True, where="held_key IS NOT NULL")
_index("coserver_history_ended", _ended.ended_at)
_index("coserver_history_unique", _ended.unique_key, where="unique_key IS NOT NULL")
_index("coserver_history_state", _ended.state, _ended.id, where="state <> 'completed'")
_index("coserver_history_owner", _ended.owner, _ended.id, where="owner IS NOT NULL")
_index("coserver_history_site", _ended.site, _ended.id, where="site IS NOT NULL")
_index("coserver_history_batch", _ended.batch, where="state = 'dropped'")
_index("coserver_error_job", error.c.job_id)
_index("coserver_line_job", line.c.job_id)
_index("coserver_event_due", event.c.due_at)
_index("coserver_event_job", event.c.job_id)
_index("coserver_start_at", start.c.queue, start.c.at)
_index("coserver_dependency_job", dependency.c.job_id)
