"""Connections of a pool that died while nobody used them.

A server that goes down or ends a session tells the client's socket. Looking there costs no round
trip, unlike the ``SELECT 1`` of a pre-ping; a server that vanished without a word is met by the
timeouts.
"""

from __future__ import annotations

import select
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import InvalidatePoolError


def watch(engine: Engine) -> None:
    """Replace dead connections, and all that are as old, when one is checked out of the pool."""
    event.listen(engine, "checkout", _check)


def _check(connection: Any, _record: Any, _proxy: Any) -> None:
    socket = _find_socket(connection)
    if socket is not None and _has_news(socket):
        raise InvalidatePoolError("The server has closed this connection.")


def _find_socket(connection: Any) -> int | None:
    """Return the file descriptor of psycopg's or PyMySQL's socket, None for other drivers."""
    if hasattr(connection, "fileno"):
        return int(connection.fileno())
    socket = getattr(connection, "_sock", None)
    return None if socket is None else int(socket.fileno())


def _has_news(socket: int) -> bool:
    """Return True if something came that nobody asked for, such as the end of the session."""
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([socket], [], [], 0)[0])
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    return bool(poll.poll(0))
