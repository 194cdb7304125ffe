"""Which jobs a consumer gets, and under which limits."""

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

__all__ = [
    "Claimant",
    "Cursors",
    "Limit",
    "Snapshot",
    "begin_prefetched",
    "claim",
    "claim_from",
    "count_running",
    "count_starts",
    "find_limit",
    "limits",
    "note_prefetched",
    "read_snapshot",
    "remove_limit",
    "reuse_seconds",
    "set_limit",
]
