"""What the loops of maintenance do for everybody."""

from coserver_consumer.store.maintain.drop_partition import drop_old_partition
from coserver_consumer.store.maintain.due import make_due_ready
from coserver_consumer.store.maintain.events import (
    has_due_events,
    put_off_events,
    remove_events,
    take_events,
)
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

__all__ = [
    "ConsumerInfo",
    "Heartbeat",
    "Rescue",
    "drop_old_partition",
    "fail_unroutable",
    "has_dead",
    "has_due_events",
    "has_partitions",
    "heartbeat",
    "make_due_ready",
    "make_partitions",
    "may_make_partitions",
    "prune",
    "put_off_events",
    "register",
    "remove_events",
    "rescue",
    "rescue_from",
    "take_events",
    "try_to_write",
    "unregister",
]
