"""A TCP line to a server that can be held, so that what the server says comes late."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from demo.ports import HOST


class Line:
    """Listens on ``port`` and hands on all bytes to and from the server on ``to_port``."""

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._flows = threading.Event()
        self._flows.set()
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)

    def close(self) -> None:
        """Take no more connections; those there are end with their clients."""
        self._flows.set()
        self._listener.close()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep back all that the server says; it arrives afterwards, in its order."""
        self.hold()
        try:
            yield
        finally:
            self._flows.set()

    def hold(self) -> None:
        """Keep back all that the server says from now on."""
        self._flows.clear()

    def cut(self) -> None:
        """Break all connections there are; what was kept back never arrives."""
        broken, self._sockets = self._sockets, []
        for end in broken:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._flows.set()

    def _accept(self) -> None:
        with suppress(OSError):  # it was closed
            while True:
                client, _ = self._listener.accept()
                self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        """Hand on between the client and the server; end the client's side if that is away."""
        try:
            server = socket.create_connection((HOST, self._to_port))
        except OSError:
            client.close()
            return
        self._sockets += [client, server]
        self._start(self._hand_on, client, server, None)
        self._start(self._hand_on, server, client, self._flows)

    def _hand_on(
        self, source: socket.socket, target: socket.socket, flows: threading.Event | None
    ) -> None:
        """Hand on bytes until one side is gone, then end the other."""
        with suppress(OSError), source, target:
            while data := source.recv(65_536):
                if flows is not None:
                    flows.wait()
                target.sendall(data)
            target.shutdown(socket.SHUT_RDWR)

    def _start(self, work, *arguments: object) -> None:
        threading.Thread(target=work, args=arguments, daemon=True).start()
