"""How jobs come in."""

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
    same_id,
)

__all__ = [
    "MAX_PAYLOAD_BYTES",
    "Parent",
    "abandon_staged",
    "add",
    "add_all",
    "add_many",
    "check_job",
    "check_size_of_row",
    "drop_staged",
    "is_one_statement",
    "parents",
    "promote",
    "promote_staged",
    "same_id",
    "stage",
]
