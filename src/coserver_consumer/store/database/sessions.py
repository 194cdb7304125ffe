"""The settings that every new connection of an engine gets before it is used."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, assert_never

from sqlalchemy import Connection

from coserver_consumer.store.database.family import Family
from coserver_consumer.store.database.json_text import load_json, read_text
from coserver_consumer.store.database.pooler import is_pooled, prepare_nothing, set_for_transaction

# Statistics lag behind, and a table that PostgreSQL takes for small may have been large. A scan
# that must be all the same "costs" so much then that it would compile the query each time.
PLANS_FOR_CONSUMER = {
    "enable_seqscan": "off",
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long the database may keep us waiting, in seconds."""

    connect: float = 5
    lock: float = 5
    statement: float = 30


DEFAULTS = Timeouts()


class Sessions:
    """Sets up each new connection of an engine."""

    def __init__(self, family: Family, timeouts: Timeouts, *, for_consumer: bool) -> None:
        self.family = family
        self.timeouts = timeouts
        self.for_consumer = for_consumer
        self.is_pooled: bool | None = None  # unknown until there is a connection

    def connect(self, connection: Any, _record: Any) -> None:
        """Set up a new connection of the driver."""
        cursor = connection.cursor()
        for statement in self._list_statements(connection):
            cursor.execute(statement)
        cursor.close()
        connection.commit()

    def begin(self, connection: Connection) -> None:
        """Set for a transaction of a pooled connection what can't be set for its session."""
        is_single = connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT"
        if self.is_pooled and not is_single:
            set_for_transaction(connection, self._of_postgresql)

    def _list_statements(self, connection: Any) -> list[str]:
        match self.family:
            case Family.SQLITE:
                return self._sqlite(connection)
            case Family.POSTGRESQL:
                return self._postgresql(connection)
            case Family.MYSQL:
                return self._mysql(connection)
            case family:
                assert_never(family)

    def _sqlite(self, connection: Any) -> list[str]:
        connection.isolation_level = None  # the engine begins transactions
        connection.text_factory = read_text  # one odd row of another program mustn't stop a claim
        return [
            f"PRAGMA busy_timeout = {round(self.timeouts.lock * 1000)}",
            "PRAGMA journal_mode = WAL",
            "PRAGMA synchronous = FULL",
        ]

    def _postgresql(self, connection: Any) -> list[str]:
        _read_plainly(connection)
        self.is_pooled = is_pooled(connection)
        if self.is_pooled:
            prepare_nothing(connection)
            return []
        return [f"SET {name} = {value}" for name, value in self._of_postgresql.items()]

    @property
    def _of_postgresql(self) -> dict[str, str]:
        statement = str(round(self.timeouts.statement * 1000))
        return {
            # A frozen process mustn't keep its locks for ever.
            "idle_in_transaction_session_timeout": statement,
            "lock_timeout": str(round(self.timeouts.lock * 1000)),
            "statement_timeout": statement,
            **(PLANS_FOR_CONSUMER if self.for_consumer else {}),
        }

    def _mysql(self, connection: Any) -> list[str]:
        seconds = self.timeouts.statement
        lock = max(1, round(self.timeouts.lock))
        limits: dict[str, float] = {
            "innodb_lock_wait_timeout": lock,  # for rows
            "lock_wait_timeout": lock,  # for tables, which LOCK TABLES takes; a day by default
        }
        if "MariaDB" in connection.get_server_info():
            limits["max_statement_time"] = seconds
            limits["idle_transaction_timeout"] = max(1, round(seconds))  # for the frozen, as above
        else:
            limits["max_execution_time"] = round(seconds * 1000)
        return [
            "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
            *(f"SET SESSION {name} = {limit}" for name, limit in limits.items()),
        ]


def _read_plainly(connection: Any) -> None:
    """Let psycopg read JSON as ``load_json`` does, and a UUID as the text that it is."""
    try:
        from psycopg import Connection
        from psycopg.types.string import TextLoader
    except ModuleNotFoundError:  # an engine that was made elsewhere may have another driver
        return
    if isinstance(connection, Connection):
        connection.adapters.register_loader("json", _make_json_loader())
        connection.adapters.register_loader("uuid", TextLoader)


@cache
def _make_json_loader() -> Any:
    """Return psycopg's way to read JSON with ``load_json``, without a detour for each value."""
    from psycopg.adapt import Loader

    class JsonLoader(Loader):
        def load(self, data: Any) -> Any:
            return load_json(read_text(data))

    return JsonLoader
