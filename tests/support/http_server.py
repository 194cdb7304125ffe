"""A real HTTP server on the loopback address that does what a test tells it and keeps the calls."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from coserver_consumer.model.indoubt import run_mark
from coserver_consumer.protocol.markers import COMPLETED_RUN
from coserver_consumer.protocol.tokens import read_token


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request as it came over the wire; names of headers are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is answered. ``breaks``: the connection is closed after half of the body.

    ``drips``: all that is sent at once; then comes one byte after another, for ever.
    """

    status: int = 200
    body: bytes = b"hello"
    headers: dict[str, str] | None = None
    breaks: bool = False
    drips: bytes | None = None


class Server(ThreadingHTTPServer):
    """Answers each request as ``answer`` says."""

    daemon_threads = True
    scheme = "http"

    def __init__(self, answer: Callable[[Call], Answer]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = answer
        self.calls: list[Call] = []

    @property
    def url(self) -> str:
        """The server's address."""
        return f"{self.scheme}://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """Keeps the request and answers it."""

    protocol_version = "HTTP/1.1"
    server: Server

    def handle_any(self) -> None:
        """Answer whatever the method is."""
        length = int(self.headers.get("Content-Length") or 0)
        call = Call(
            method=self.command,
            target=self.path,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(length),
            port=self.client_address[1],
        )
        self.server.calls.append(call)
        self.send(self.server.answer(call))

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815

    def send(self, answer: Answer) -> None:
        """Send an answer."""
        if answer.drips is not None:
            self.drip(answer.drips)
            return
        self.send_response(answer.status)
        for name, value in ({"Content-Type": "text/plain"} | (answer.headers or {})).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if answer.breaks:
            self.wfile.write(answer.body[: len(answer.body) // 2])
            self.close_connection = True
        elif self.command != "HEAD":
            self.wfile.write(answer.body)

    def drip(self, begun: bytes) -> None:
        """Send byte after byte until the client goes."""
        self.close_connection = True
        with suppress(OSError):
            self.wfile.write(begun)
            while True:
                self.wfile.write(b"1")
                time.sleep(0.02)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Say nothing: the test's output is for the test."""


def ran(call: Call, *, secret: str, **answer: Any) -> Answer:
    """Return the answer of a Zope whose transaction has completed the run that it was sent."""
    token = call.headers["authorization"].partition(" ")[2]
    mark = run_mark(*read_token(token, secret=secret).key)
    return Answer(**answer, headers={COMPLETED_RUN: mark})


CERTIFICATE = Path(__file__).with_name("localhost.pem")  # of 127.0.0.1, good until 2126


@contextmanager
def serve_tls(answer: Callable[[Call], Answer]) -> Iterator[Server]:
    """Run a server with TLS, whose certificate ``CERTIFICATE`` has signed, and yield it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    with serve(answer) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.scheme = "https"
        yield server


@contextmanager
def serve(answer: Callable[[Call], Answer]) -> Iterator[Server]:
    """Run a server in a thread and yield it."""
    with Server(answer) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
