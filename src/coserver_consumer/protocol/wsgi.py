"""Asking a WSGI application (PEP 3333) in this process, as a web server would."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from io import BytesIO
from traceback import format_exception
from typing import Any
from urllib.parse import unquote, urlsplit

from coserver_consumer.protocol.reply import Reply
from coserver_consumer.protocol.request import PORTS, Request

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

PLAIN_TEXT = "text/plain; charset=utf-8"


def make_environ(request: Request, *, server_url: str) -> Environ:
    """Return the environment of a request to a server at this address."""
    server = urlsplit(server_url)
    path, _, query = request.target.partition("?")
    headers = {name.upper().replace("-", "_"): value for name, value in request.headers.items()}
    body = request.body or b""
    return {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(path, "latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": server.hostname or "localhost",
        "SERVER_PORT": str(server.port or PORTS[server.scheme]),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": headers.pop("CONTENT_TYPE", ""),
        "HTTP_HOST": server.netloc,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": server.scheme,
        "wsgi.input": BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        **{f"HTTP_{name}": value for name, value in headers.items()},
    }


def ask(application: Application, environ: Environ, *, max_body: int) -> Reply:
    """Return the answer, its body cut at ``max_body`` bytes.

    An exception that the application doesn't catch is answered as a web server would: status 500.
    """
    head: dict[str, Any] = {}

    def start_response(status: str, headers: list[tuple[str, str]], _info: Any = None) -> None:
        head["status"] = int(status.split(maxsplit=1)[0])
        head["headers"] = {name.lower(): value for name, value in headers}

    try:
        body, is_cut = _read(application(environ, start_response), max_body)
    except Exception as error:  # noqa: BLE001  any fault of the application is its answer
        text = "".join(format_exception(error)).encode()
        return Reply(status=500, headers={"content-type": PLAIN_TEXT}, body=text[-max_body:])
    return Reply(status=head["status"], headers=head["headers"], body=body, is_cut=is_cut)


def _read(chunks: Iterable[bytes], most: int) -> tuple[bytes, bool]:
    """Return up to ``most`` bytes and whether there were more; no more than that is read."""
    body = bytearray()
    try:
        for chunk in chunks:
            body += chunk
            if len(body) > most:
                return bytes(body[:most]), True
        return bytes(body), False
    finally:
        if close := getattr(chunks, "close", None):
            close()
