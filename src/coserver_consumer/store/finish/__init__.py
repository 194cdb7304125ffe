"""How an attempt or a job ends."""

from coserver_consumer.store.finish.agreement import (
    Origin,
    agree,
    complete_found,
    find_agreed,
    rebase,
    restage_lost,
)
from coserver_consumer.store.finish.canceller import find_canceller
from coserver_consumer.store.finish.dependents import remove_duplicates
from coserver_consumer.store.finish.effects import (
    complete_finishing,
    complete_running,
    lock_running,
    vote,
)
from coserver_consumer.store.finish.expire import expire_overdue
from coserver_consumer.store.finish.finish import end_attempts
from coserver_consumer.store.finish.indoubt import (
    abandon_finishing,
    find_dropped,
    find_in_doubt,
    still_asks,
)
from coserver_consumer.store.finish.requeue import requeue_finishing

__all__ = [
    "Origin",
    "abandon_finishing",
    "agree",
    "complete_finishing",
    "complete_found",
    "complete_running",
    "end_attempts",
    "expire_overdue",
    "find_agreed",
    "find_canceller",
    "find_dropped",
    "find_in_doubt",
    "lock_running",
    "rebase",
    "remove_duplicates",
    "requeue_finishing",
    "restage_lost",
    "still_asks",
    "vote",
]
