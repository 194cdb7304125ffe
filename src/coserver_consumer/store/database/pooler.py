"""PgBouncer and its like between us and PostgreSQL, in transaction mode.

Each transaction may have another session of the server there, which it shares with others: what a
session is told or has prepared is lost to us, or meets somebody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection


def is_pooled(connection: Any) -> bool:
    """Return True if a driver's connection leads to a pooler, which has a process id of its own."""
    announced = _announced_pid(connection)
    if announced is None:
        return False
    cursor = connection.cursor()
    cursor.execute("SELECT pg_backend_pid()")
    (actual,) = cursor.fetchone()
    cursor.close()
    return bool(actual != announced)


def prepare_nothing(connection: Any) -> None:
    """Keep psycopg from preparing statements, under names that other clients use as well."""
    if hasattr(connection, "prepare_threshold"):
        connection.prepare_threshold = None


def set_for_transaction(connection: Connection, settings: Mapping[str, str]) -> None:
    """Have these settings until the transaction ends, in one round trip."""
    each = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in settings.items())
    connection.exec_driver_sql(f"SELECT {each}")


def _announced_pid(connection: Any) -> int | None:
    """Return the process id that the other side said it has; None if the driver doesn't tell."""
    if hasattr(connection, "pgconn"):  # psycopg
        return int(connection.pgconn.backend_pid)
    if hasattr(connection, "get_backend_pid"):  # psycopg2
        return int(connection.get_backend_pid())
    return None
