"""Processes that stand still."""

from __future__ import annotations

import signal

import sqlalchemy as sa

from coserver_consumer import store
from demo.processes import Process


def freeze(process: Process, database: str) -> None:
    """Stop a process where it holds no lock: on SQLite that one would be everybody's."""
    engine = store.open_engine(database, timeouts=store.Timeouts(lock=0.1))
    while True:
        process.send(signal.SIGSTOP)
        try:
            with engine.begin():
                break
        except sa.exc.OperationalError:
            process.send(signal.SIGCONT)
    engine.dispose()
