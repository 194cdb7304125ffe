"""What people ask of jobs and queues, and change about them."""

from coserver_consumer.store.manage.control import cancel, report, retry
from coserver_consumer.store.manage.followed import find_followed
from coserver_consumer.store.manage.job_log import Line, add_line, lines
from coserver_consumer.store.manage.keys import (
    KeyRecord,
    add_key,
    find_key,
    keys,
    note_key_use,
    revoke_key,
)
from coserver_consumer.store.manage.placement import move, set_priority
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
    require_id,
)
from coserver_consumer.store.manage.queues import (
    Consumer,
    add_queue,
    add_queues,
    consumers,
    knows_consumer,
    pause,
    queues,
    require_queue,
    set_max_running,
    set_rate,
)
from coserver_consumer.store.manage.search import (
    Count,
    count,
    find,
    find_ended,
    find_ids,
    find_live,
)
from coserver_consumer.store.manage.short_ids import find_id, shorten
from coserver_consumer.store.schema.merging import find_other

__all__ = [
    "MAX_COUNTED",
    "AttemptError",
    "Consumer",
    "Count",
    "KeyRecord",
    "Line",
    "add_key",
    "add_line",
    "add_queue",
    "add_queues",
    "attempts",
    "cancel",
    "consumers",
    "count",
    "count_ahead",
    "counts",
    "find",
    "find_ended",
    "find_followed",
    "find_id",
    "find_ids",
    "find_key",
    "find_leased",
    "find_live",
    "find_other",
    "find_running",
    "get",
    "get_merged",
    "keys",
    "knows_consumer",
    "last_failures",
    "lines",
    "move",
    "note_key_use",
    "now",
    "pause",
    "queues",
    "report",
    "require_id",
    "require_queue",
    "retry",
    "revoke_key",
    "set_max_running",
    "set_priority",
    "set_rate",
    "shorten",
]
