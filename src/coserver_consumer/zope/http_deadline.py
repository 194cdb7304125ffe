"""Connections whose timeouts are deadlines.

A socket's timeout begins anew with each call that reads, so a server that sends a byte now and then
keeps its client for ever. Here it begins when it is set: urllib3 sets it before it connects and
sends, and again before it reads the answer, which has to be whole when the time is over.
"""

from __future__ import annotations

import socket
import ssl
import time
from functools import cached_property
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.ssl_ import create_urllib3_context


class _Deadline:
    """What both kinds of sockets have in common; the calls that urllib3 and ``http.client`` use."""

    _until: float | None = None

    def settimeout(self, value: float | None, /) -> None:
        """Let all that is sent and received from now on take so many seconds together."""
        self._until = None if value is None else time.monotonic() + value
        super().settimeout(value)  # type: ignore[misc]

    def recv_into(self, *arguments: Any, **options: Any) -> Any:
        """Receive in the time that is left."""
        self._hurry()
        return super().recv_into(*arguments, **options)  # type: ignore[misc]

    def send(self, *arguments: Any, **options: Any) -> Any:
        """Send some in the time that is left."""
        self._hurry()
        return super().send(*arguments, **options)  # type: ignore[misc]

    def sendall(self, *arguments: Any, **options: Any) -> Any:
        """Send all in the time that is left."""
        self._hurry()
        return super().sendall(*arguments, **options)  # type: ignore[misc]

    def _hurry(self) -> None:
        if self._until is None:
            return
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time is over")
        super().settimeout(left)  # type: ignore[misc]


class DeadlineSocket(_Deadline, socket.socket):
    """A plain one."""


class DeadlineTLSSocket(_Deadline, ssl.SSLSocket):
    """One with TLS; Python itself gives the whole handshake one timeout."""


def _adopt(sock: socket.socket) -> DeadlineSocket:
    timeout = sock.gettimeout()
    adopted = DeadlineSocket(sock.family, sock.type, sock.proto, fileno=sock.detach())
    adopted.settimeout(timeout)
    return adopted


class _Connection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _adopt(super()._new_conn())


class _TLSConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _adopt(super()._new_conn())


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


class DeadlinePoolManager(PoolManager):
    """A ``PoolManager`` whose timeouts are deadlines, over HTTP and HTTPS."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.pool_classes_by_scheme = {
            "http": _Pool,
            "https": self._make_tls_pool,  # type: ignore[dict-item]  # as a class is called
        }

    def _make_tls_pool(self, host: str, port: int | None, **options: Any) -> _TLSPool:
        return _TLSPool(host, port, ssl_context=self._context, **options)

    @cached_property
    def _context(self) -> ssl.SSLContext:
        """The context that urllib3 makes by itself, but for its sockets.

        It is made for the first connection with TLS, as the certificates of this machine's
        authorities take more than a megabyte.
        """
        context = create_urllib3_context()
        context.load_default_certs()
        context.sslsocket_class = DeadlineTLSSocket
        return context
