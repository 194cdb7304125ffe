"""The store: every SQL statement, on SQLite, PostgreSQL and MariaDB / MySQL.

Its functions take a connection and work in the caller's transaction; ``write`` and ``read`` give
one. Read on in the order of a job's life: ``schema``, ``adding``, ``batches``, ``claiming``,
``ending``, ``history``; then ``leases``, ``changing``, ``lines``, ``reading``, ``queues``,
``pruning``.
"""

from coserver_consumer.store.adding import MAX_PAYLOAD, add, add_many, check_job, stage
from coserver_consumer.store.batches import drop, forsake, promote, promote_staged
from coserver_consumer.store.changing import cancel, report, retry, wake
from coserver_consumer.store.claiming import claim
from coserver_consumer.store.clock import SECOND
from coserver_consumer.store.effects import complete, hold_running, lose, revoke, vote
from coserver_consumer.store.ending import finish
from coserver_consumer.store.engine import Timeouts, open_engine, prepare, read, write
from coserver_consumer.store.faults import is_outage
from coserver_consumer.store.leases import (
    ConsumerInfo,
    Heartbeat,
    Rescue,
    heartbeat,
    register,
    rescue,
    rescue_from,
    unregister,
)
from coserver_consumer.store.lines import Line, add_line, lines
from coserver_consumer.store.pruning import prune
from coserver_consumer.store.queues import Consumer, add_queue, consumers, queues
from coserver_consumer.store.reading import (
    AttemptError,
    attempts,
    counts,
    find,
    get,
    get_running,
    held,
    now,
)
from coserver_consumer.store.unresolved import find_dropped, find_unresolved
from coserver_consumer.store.upgrading import check_schema, upgrade

__all__ = [
    "MAX_PAYLOAD",
    "SECOND",
    "AttemptError",
    "Consumer",
    "ConsumerInfo",
    "Heartbeat",
    "Line",
    "Rescue",
    "Timeouts",
    "add",
    "add_line",
    "add_many",
    "add_queue",
    "attempts",
    "cancel",
    "check_job",
    "check_schema",
    "claim",
    "complete",
    "consumers",
    "counts",
    "drop",
    "find",
    "find_dropped",
    "find_unresolved",
    "finish",
    "forsake",
    "get",
    "get_running",
    "heartbeat",
    "held",
    "hold_running",
    "is_outage",
    "lines",
    "lose",
    "now",
    "open_engine",
    "prepare",
    "promote",
    "promote_staged",
    "prune",
    "queues",
    "read",
    "register",
    "report",
    "rescue",
    "rescue_from",
    "retry",
    "revoke",
    "stage",
    "unregister",
    "upgrade",
    "vote",
    "wake",
    "write",
]
