"""Processes that stand still."""

from __future__ import annotations

import signal

import sqlalchemy as sa

from coserver_consumer import store
from demo.processes import Process
from support.locks import count_open
from support.waiting import wait_for


def freeze(process: Process, database: str) -> None:
    """Stop a process where it is in no transaction, whose locks would be in everybody's way."""
    engine = store.open_engine(database, timeouts=store.Timeouts(lock=0.1))
    wait_for(lambda: _is_caught(process, engine), what="a moment without a transaction")
    engine.dispose()


def _is_caught(process: Process, engine: sa.Engine) -> bool:
    """Stop the process; let it go on if somebody is in a transaction, which may be its own."""
    process.send(signal.SIGSTOP)
    if not _is_anybody_in_a_transaction(engine):
        return True
    process.send(signal.SIGCONT)
    return False


def _is_anybody_in_a_transaction(engine: sa.Engine) -> bool:
    try:
        with engine.begin() as connection:
            return count_open(connection) > 0
    except sa.exc.OperationalError:
        return True
