"""A TCP line to a server that can be held, so that what the server says comes late."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from demo.ports import HOST

PAUSE_S = 0.05
CLOSED = -1  # the file number of a socket that is closed


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
        shut_down(broken)
        self._flows.set()

    def _accept(self) -> None:
        while self._listener.fileno() != CLOSED:
            with suppress(OSError):  # a client may go before it is accepted
                client, _ = self._listener.accept()
                self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        """Hand on between the client and the server; end the client's side if that is away."""
        server = self._reach_server()
        if server is None:
            time.sleep(PAUSE_S)  # else a client that knows no pause asks thousands of times
            client.close()
            return
        self._sockets += [client, server]
        self._start(self._hand_on, client, server, None)
        self._start(self._hand_on, server, client, self._flows)

    def _reach_server(self) -> socket.socket | None:
        """Return a connection to the server, None if it is away.

        While nobody listens there, one may come about between the port and itself: the system
        chooses its own end by chance.
        """
        with suppress(OSError):
            server = socket.create_connection((HOST, self._to_port))
            if server.getsockname() != server.getpeername():
                return server
            server.close()
        return None

    def _hand_on(
        self, source: socket.socket, target: socket.socket, flows: threading.Event | None
    ) -> None:
        """Hand on bytes until one side is gone, then end the other."""
        with suppress(OSError):
            while data := source.recv(65_536):
                if flows is not None:
                    flows.wait()
                target.sendall(data)
        shut_down([source, target])  # to close one that is being read doesn't end it
        source.close()

    def _start(self, work, *arguments: object) -> None:
        threading.Thread(target=work, args=arguments, daemon=True).start()


def shut_down(ends: Iterable[socket.socket]) -> None:
    """Tell both sides of these connections that nothing more comes."""
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
