"""The store: every SQL statement, on SQLite, PostgreSQL and MariaDB / MySQL.

Its functions take a connection and work in the caller's transaction; ``write`` and ``read`` give
one. Its folders in the order of a job's life: ``enqueue``, ``claim``, ``finish``; beside it
``maintain`` and ``manage``; below them all ``schema``, and ``database`` below that.
"""

from coserver_consumer.store.claim.claim import Claimant, claim, claim_from
from coserver_consumer.store.claim.limits import (
    Limit,
    count_running,
    count_starts,
    find_limit,
    limits,
    remove_limit,
    set_limit,
)
from coserver_consumer.store.claim.prefetched import begin_prefetched, note_prefetched
from coserver_consumer.store.claim.snapshot import Snapshot, read_snapshot
from coserver_consumer.store.claim.watermark import Cursors, reuse_seconds
from coserver_consumer.store.database.address import show_address
from coserver_consumer.store.database.engine import (
    each_by_itself,
    open_engine,
    prepare,
    read,
    write,
)
from coserver_consumer.store.database.external import borrow
from coserver_consumer.store.database.faults import is_outage, is_refusal
from coserver_consumer.store.database.notify import (
    can_listen,
    can_notify,
    listen,
    notify,
    wait_for_notification,
)
from coserver_consumer.store.database.outage import name_outage
from coserver_consumer.store.database.redaction import describe
from coserver_consumer.store.database.sessions import Timeouts
from coserver_consumer.store.enqueue.dependencies import Parent, parents
from coserver_consumer.store.enqueue.enqueue import add, add_many, is_one_statement, stage
from coserver_consumer.store.enqueue.staging import (
    abandon_staged,
    add_all,
    drop_staged,
    promote,
    promote_staged,
)
from coserver_consumer.store.enqueue.validation import (
    MAX_PAYLOAD_BYTES,
    check_job,
    check_size_of_row,
)
from coserver_consumer.store.finish.agreement import (
    Origin,
    agree,
    complete_found,
    find_agreed,
    rebase,
    restage_lost,
)
from coserver_consumer.store.finish.dependents import remove_duplicates
from coserver_consumer.store.finish.effects import (
    complete_finishing,
    complete_running,
    lock_running,
    vote,
)
from coserver_consumer.store.finish.finish import end_attempts
from coserver_consumer.store.finish.indoubt import (
    abandon_finishing,
    find_dropped,
    find_in_doubt,
    still_asks,
)
from coserver_consumer.store.finish.requeue import requeue_finishing
from coserver_consumer.store.maintain.drop_partition import drop_old_partition
from coserver_consumer.store.maintain.due import make_due_ready
from coserver_consumer.store.maintain.leases import (
    ConsumerInfo,
    Heartbeat,
    Rescue,
    has_dead,
    heartbeat,
    register,
    rescue,
    rescue_from,
    unregister,
)
from coserver_consumer.store.maintain.make_partitions import make_partitions, may_make_partitions
from coserver_consumer.store.maintain.partitions import has_partitions
from coserver_consumer.store.maintain.prune import prune
from coserver_consumer.store.maintain.trial import try_to_write
from coserver_consumer.store.maintain.unroutable import fail_unroutable
from coserver_consumer.store.manage.control import cancel, report, retry
from coserver_consumer.store.manage.job_log import Line, add_line, lines
from coserver_consumer.store.manage.keys import (
    KeyRecord,
    add_key,
    find_key,
    keys,
    note_key_use,
    revoke_key,
)
from coserver_consumer.store.manage.queries import (
    MAX_COUNTED,
    AttemptError,
    attempts,
    count_ahead,
    counts,
    find_leased,
    find_running,
    get,
    get_merged,
    last_failures,
    now,
)
from coserver_consumer.store.manage.queues import (
    Consumer,
    add_queue,
    add_queues,
    consumers,
    knows_consumer,
    pause,
    queues,
    set_max_running,
    set_rate,
)
from coserver_consumer.store.manage.search import Count, count, find
from coserver_consumer.store.manage.short_ids import find_id, shorten
from coserver_consumer.store.schema.clock import SECOND
from coserver_consumer.store.schema.upgrade import check_schema, upgrade

__all__ = [
    "MAX_COUNTED",
    "MAX_PAYLOAD_BYTES",
    "SECOND",
    "AttemptError",
    "Claimant",
    "Consumer",
    "ConsumerInfo",
    "Count",
    "Cursors",
    "Heartbeat",
    "KeyRecord",
    "Limit",
    "Line",
    "Origin",
    "Parent",
    "Rescue",
    "Snapshot",
    "Timeouts",
    "abandon_finishing",
    "abandon_staged",
    "add",
    "add_all",
    "add_key",
    "add_line",
    "add_many",
    "add_queue",
    "add_queues",
    "agree",
    "attempts",
    "begin_prefetched",
    "borrow",
    "can_listen",
    "can_notify",
    "cancel",
    "check_job",
    "check_schema",
    "check_size_of_row",
    "claim",
    "claim_from",
    "complete_finishing",
    "complete_found",
    "complete_running",
    "consumers",
    "count",
    "count_ahead",
    "count_running",
    "count_starts",
    "counts",
    "describe",
    "drop_old_partition",
    "drop_staged",
    "each_by_itself",
    "end_attempts",
    "fail_unroutable",
    "find",
    "find_agreed",
    "find_dropped",
    "find_id",
    "find_in_doubt",
    "find_key",
    "find_leased",
    "find_limit",
    "find_running",
    "get",
    "get_merged",
    "has_dead",
    "has_partitions",
    "heartbeat",
    "is_one_statement",
    "is_outage",
    "is_refusal",
    "keys",
    "knows_consumer",
    "last_failures",
    "limits",
    "lines",
    "listen",
    "lock_running",
    "make_due_ready",
    "make_partitions",
    "may_make_partitions",
    "name_outage",
    "note_key_use",
    "note_prefetched",
    "notify",
    "now",
    "open_engine",
    "parents",
    "pause",
    "prepare",
    "promote",
    "promote_staged",
    "prune",
    "queues",
    "read",
    "read_snapshot",
    "rebase",
    "register",
    "remove_duplicates",
    "remove_limit",
    "report",
    "requeue_finishing",
    "rescue",
    "rescue_from",
    "restage_lost",
    "retry",
    "reuse_seconds",
    "revoke_key",
    "set_limit",
    "set_max_running",
    "set_rate",
    "shorten",
    "show_address",
    "stage",
    "still_asks",
    "try_to_write",
    "unregister",
    "upgrade",
    "vote",
    "wait_for_notification",
    "write",
]
