"""The address of a database: which driver it means, and how it is shown without its passwords."""

from __future__ import annotations

import sqlalchemy as sa

from coserver_consumer.model.errors import ConfigurationError

DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
}
PASSWORDS = ("password", "passwd", "sslpassword", "ssl_key_password")  # as parameters of a URL
HIDDEN = "***"
# What the drivers take as Python objects, and an address only as text; and what would end each
# statement's transaction, or begin none.
NOT_IN_ADDRESS = frozenset(
    {
        "auth_plugin_map",
        "autocommit",
        "connection_factory",
        "context",
        "conv",
        "cursor_factory",
        "cursorclass",
        "defer_connect",
        "isolation_level",
        "prepare_threshold",
        "row_factory",
    }
)

SQLITE = ("sqlite", "sqlite+pysqlite")
PYSQLITE = frozenset({"cached_statements", "check_same_thread", "detect_types", "timeout", "uri"})
# What SQLite itself takes where the address is one of its own: https://sqlite.org/uri.html
SQLITE_URI = frozenset({"cache", "immutable", "mode", "modeof", "nolock", "psow", "vfs"})
TRUE = frozenset({"1", "on", "t", "true", "y", "yes"})


def read_address(url: str) -> sa.URL:
    """Return the URL with the driver that we take for it.

    Raises ``ConfigurationError``, which shows nothing of it: any part may be a password.
    """
    try:
        address = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        raise ConfigurationError(
            "The database's address isn't a URL; it looks like "
            "postgresql://user@host/name, mysql://user@host/name or sqlite:///path."
        ) from None
    for option in sorted(NOT_IN_ADDRESS & address.query.keys()):
        raise wrong_option(f"{option} can't be given there; leave it out")
    if address.drivername in SQLITE:
        _check_sqlite(address)
    driver = DRIVERS.get(address.drivername)
    return address.set(drivername=driver) if driver else address


def _check_sqlite(address: sa.URL) -> None:
    """Raise ``ConfigurationError`` for an option that nobody knows: SQLAlchemy would only warn."""
    if address.host or address.username:
        raise ConfigurationError(
            "The database's address names a host, and SQLite has a file: "
            "sqlite:////path/to/queue.sqlite, or sqlite:///queue.sqlite in the working directory."
        )
    query = address.query
    if twice := [name for name, value in query.items() if not isinstance(value, str)]:
        raise wrong_option(f"{twice[0]} is given twice")
    is_uri = str(query.get("uri", "")).lower() in TRUE
    known = PYSQLITE | SQLITE_URI if is_uri else PYSQLITE
    unknown = sorted(query.keys() - known)
    if not unknown or (is_uri and "vfs" in query):  # a VFS has options of its own
        return
    if (option := unknown[0]) in SQLITE_URI:
        how = f"sqlite:///file:/path/to/queue.sqlite?{option}=...&uri=true"
        raise wrong_option(f"{option} is only heeded in {how}")
    raise wrong_option(f"{option} is none that SQLite knows; those are {', '.join(sorted(known))}")


def wrong_option(why: Exception | str) -> ConfigurationError:
    """Return what to raise where an address has something that its driver doesn't know."""
    reason = " ".join(str(why).split())
    return ConfigurationError(f"The database's address has a wrong option: {reason}.")


def show_address(engine: sa.Engine) -> str:
    """Return where the engine's database is, without passwords."""
    address = engine.url
    hidden = {name: HIDDEN for name in PASSWORDS if name in address.query}
    return address.update_query_dict(hidden).render_as_string(hide_password=True)
