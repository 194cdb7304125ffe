"""The store: every SQL statement, on SQLite, PostgreSQL and MariaDB / MySQL.

Here stands how it is reached: ``open_engine``, and ``write`` and ``read``, which give a connection
in a transaction. The functions of its folders take that connection; each folder hands on what
others may use of it. In the order of a job's life: ``enqueue``, ``claim``, ``finish``; beside it
``maintain`` and ``manage``; below them all ``schema``, and ``database`` below that.
"""

from coserver_consumer.store.database.address import show_address
from coserver_consumer.store.database.bounded_read import read_within
from coserver_consumer.store.database.engine import (
    each_by_itself,
    open_engine,
    prepare,
    read,
    write,
)
from coserver_consumer.store.database.external import borrow
from coserver_consumer.store.database.faults import is_lock_timeout, is_outage, is_refusal
from coserver_consumer.store.database.notify import (
    can_listen,
    can_notify,
    listen,
    notify,
    wait_for_notification,
)
from coserver_consumer.store.database.outage import name_outage, naming_outages
from coserver_consumer.store.database.redaction import describe
from coserver_consumer.store.database.sessions import Timeouts
from coserver_consumer.store.schema.clock import SECOND
from coserver_consumer.store.schema.upgrade import check_schema, upgrade

__all__ = [
    "SECOND",
    "Timeouts",
    "borrow",
    "can_listen",
    "can_notify",
    "check_schema",
    "describe",
    "each_by_itself",
    "is_lock_timeout",
    "is_outage",
    "is_refusal",
    "listen",
    "name_outage",
    "naming_outages",
    "notify",
    "open_engine",
    "prepare",
    "read",
    "read_within",
    "show_address",
    "upgrade",
    "wait_for_notification",
    "write",
]
