"""Transactions of others: those that are open, and those that wait for a lock."""

from __future__ import annotations

from sqlalchemy import Connection, Engine

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
WAITING = {
    "postgresql": f"{OPEN['postgresql']} AND wait_event_type = 'Lock'",
    "mysql": f"{OPEN['mysql']} AND trx_state = 'LOCK WAIT'",
}
# InnoDB makes its list of transactions anew only when nobody has read it for a tenth of a second.
REST = "DO SLEEP(0.2)"


def count_open(connection: Connection) -> int:
    """Return how many transactions others have open in this database; on SQLite always 0."""
    return _count(connection, OPEN)


def is_anybody_waiting(engine: Engine) -> bool:
    """Return True if a transaction in the engine's database waits for a lock."""
    with engine.begin() as connection:
        return _count(connection, WAITING) > 0


def find_writing(engine: Engine) -> set[int]:
    """Return InnoDB's ids of the transactions that write on this server, whosever they are."""
    with engine.begin() as connection:
        connection.exec_driver_sql(REST)
        query = "SELECT trx_id FROM information_schema.innodb_trx WHERE trx_id > 0"  # 0: only reads
        return set(connection.exec_driver_sql(query).scalars())


def _count(connection: Connection, queries: dict[str, str]) -> int:
    name = connection.dialect.name
    if name == "mysql":
        connection.exec_driver_sql(REST)
    return connection.exec_driver_sql(queries[name]).scalar_one() if name in queries else 0
