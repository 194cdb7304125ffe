"""A relay before PostgreSQL that counts what its clients ask: statements, and commits apart."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Thread

import sqlalchemy as sa

from demo.ports import HOST

CHUNK = 65_536
REQUEST = 8  # bytes of a client's request for encryption, which has a number for a version:
ENCRYPTION = (80877103, 80877104)
BOUNDS = (b"BEGIN", b"COMMIT", b"ROLLBACK")


@dataclass(slots=True)
class Count:
    """Statements so far; a transaction's beginning and end aren't counted."""

    statements: int = 0


class Reader:
    """Counts the statements in what one client sends."""

    def __init__(self, count: Count) -> None:
        self._count = count
        self._bytes = bytearray()
        self._has_begun = False

    def feed(self, data: bytes) -> None:
        """Read what has come, as far as its messages are complete."""
        self._bytes += data
        while (message := self._take()) is not None:
            self._see(message)

    def _take(self) -> bytes | None:
        """Return the next message; the first of a connection has no type, and we give it one."""
        header = 5 if self._has_begun else 4
        if len(self._bytes) < header:
            return None
        length = int.from_bytes(self._bytes[header - 4 : header], "big") + header - 4
        if len(self._bytes) < length:
            return None
        message = bytes(self._bytes[:length])
        del self._bytes[:length]
        if self._has_begun:
            return message
        self._has_begun = True
        return b"\0" + message

    def _see(self, message: bytes) -> None:
        is_simple = message[:1] == b"Q" and not message[5:].upper().startswith(BOUNDS)
        if is_simple or message[:1] == b"E":
            self._count.statements += 1


@contextmanager
def relay(url: str) -> Iterator[tuple[str, Count]]:
    """Yield a URL that leads to the same database through the relay, and its count."""
    address = sa.make_url(url)
    server = (address.host or HOST, address.port or 5432)
    count = Count()
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
        Thread(target=_accept, args=(listener, server, count), daemon=True).start()
        through = address.set(host=HOST, port=port)
        yield through.render_as_string(hide_password=False), count
        listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, server: tuple[str, int], count: Count) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            Thread(target=_serve, args=(client, server, count), daemon=True).start()


def _serve(client: socket.socket, server: tuple[str, int], count: Count) -> None:
    """Relay one connection, unencrypted, so that it can be read."""
    with client, socket.create_connection(server) as there, suppress(OSError):
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        there.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        first = _refuse_encryption(client)
        reader = Reader(count)
        reader.feed(first)
        there.sendall(first)
        Thread(target=_pour, args=(there, client, None), daemon=True).start()
        _pour(client, there, reader)


def _refuse_encryption(client: socket.socket) -> bytes:
    """Return the first message that isn't a request for encryption."""
    first = client.recv(CHUNK)
    while len(first) == REQUEST and int.from_bytes(first[4:], "big") in ENCRYPTION:
        client.sendall(b"N")
        first = client.recv(CHUNK)
    return first


def _pour(source: socket.socket, target: socket.socket, reader: Reader | None) -> None:
    with suppress(OSError):
        while data := source.recv(CHUNK):
            if reader is not None:
                reader.feed(data)
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
