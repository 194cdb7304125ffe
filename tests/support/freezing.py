"""Processes that stand still."""

from __future__ import annotations

import signal
import time

import sqlalchemy as sa

from coserver_consumer import store
from demo.processes import Process

LOOK = 0.02  # seconds that the process goes on between two tries
OPEN = {
    "postgresql": """
        SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND xact_start IS NOT NULL AND pid <> pg_backend_pid()
        """,
    "mysql": """
        SELECT count(*) FROM information_schema.innodb_trx
        JOIN information_schema.processlist ON id = trx_mysql_thread_id
        WHERE db = DATABASE() AND id <> CONNECTION_ID()
        """,
}


def freeze(process: Process, database: str) -> None:
    """Stop a process where it is in no transaction, whose locks would be in everybody's way."""
    engine = store.open_engine(database, timeouts=store.Timeouts(lock=0.1))
    process.send(signal.SIGSTOP)
    while _is_anybody_in_a_transaction(engine):
        process.send(signal.SIGCONT)
        time.sleep(LOOK)
        process.send(signal.SIGSTOP)
    engine.dispose()


def _is_anybody_in_a_transaction(engine: sa.Engine) -> bool:
    try:
        with engine.begin() as connection:
            query = OPEN.get(engine.dialect.name)
            return query is not None and connection.exec_driver_sql(query).scalar_one() > 0
    except sa.exc.OperationalError:
        return True
