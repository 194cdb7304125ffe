"""A child process: a Zope, as far as the commit protocol is concerned.

It is forked from a server process that has all modules and neither storage nor engine, and opens
its own.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

import psycopg2
import sqlalchemy as sa
import transaction
import Zope2
from sqlalchemy.exc import SQLAlchemyError
from ZODB import DB
from ZODB.POSException import POSError

from collective.coserver.database.engine import read
from collective.coserver.publication.freshness import Behind
from coserver_consumer.errors import StoreError
from faults.dooms import Doom
from faults.journal import Journal
from faults.storages import Storage
from support.waiting import wait_for

logger = logging.getLogger("faults")

SECRET = "what the processes of a test share, and more"

# What a server that dies makes of a commit. A conflict is none of these.
TROUBLE = (POSError, psycopg2.Error, SQLAlchemyError, StoreError, Behind, ConnectionError)

LOG = "children.log"  # in the scenario's directory

TWICE = "already has the same oid"  # ZODB's words


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What a child needs to know.

    ``way`` is how it queues jobs or ends them, ``kinds`` which requests it makes, ``limit`` how
    many of them.
    """

    storage: Storage
    database: str
    directory: Path
    doom: Doom
    way: str = "protocol"
    kinds: str = "any"
    limit: int | None = None


class Life:
    """What a child has while it lives."""

    def __init__(self, orders: Orders) -> None:
        self.orders = orders
        self.random = Random()
        self.journal = Journal(orders.directory)
        self._parent = os.getppid()
        self.db: DB = wait_for(self._open, what="the ZODB", within=60)
        Zope2.DB = self.db  # as Zope's own start does

    @property
    def goes_on(self) -> bool:
        """True as long as the tests run: whoever has started this process ends with them."""
        return os.getppid() == self._parent

    def recover(self, error: Exception) -> None:
        """Note a failure that isn't a conflict, and wait until the queue's database is there."""
        self.journal.say("failed")
        logger.warning("%s: %s", type(error).__name__, error)
        wait_for(self._reaches_queue, what="the queue's database", within=60)

    def _open(self) -> DB | None:
        try:
            return self.orders.storage.open()
        except TROUBLE:
            return None

    def _reaches_queue(self) -> bool:
        try:
            return bool(read(lambda connection: connection.scalar(sa.select(1))))
        except (SQLAlchemyError, StoreError):
            return False


def live(main: Callable[[Life], None], orders: Orders, ready: Connection) -> None:
    """Be a child: open the databases, say that it is ready, and do ``main`` until death."""
    _redirect(orders.directory / LOG)
    os.environ["COSERVER_DATABASE"] = orders.database
    os.environ["COSERVER_SECRET"] = SECRET
    life = Life(orders)
    life._reaches_queue()
    orders.doom.arm()
    ready.send(True)
    main(life)


def commit() -> None:
    """Commit. An oid that was given out twice is trouble: a ZEO server that was killed does that.

    The ZODB notices it before anything is voted on.
    """
    try:
        transaction.commit()
    except ValueError as error:
        if TWICE not in str(error):
            raise
        raise POSError(str(error)) from error


def _redirect(log: Path) -> None:
    """Write what would go to the terminal into a file, and the stacks of all threads at SIGUSR1."""
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, sys.stdout.fileno())
    os.dup2(file, sys.stderr.fileno())
    faulthandler.register(signal.SIGUSR1)
    logging.basicConfig(level=logging.WARNING, format="%(process)s %(name)s %(message)s")
