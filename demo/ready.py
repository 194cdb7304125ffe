"""When is a process ready? Conditions over a process, asked again and again while it starts."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

from demo import ports
from demo.processes import Process

_open = build_opener(ProxyHandler({})).open


def port_answers(port: int) -> Callable[[Process], bool]:
    """Ready when the port takes connections."""
    return lambda process: ports.answers(port)


def page_answers(url: str) -> Callable[[Process], bool]:
    """Ready when the page is served, whatever its status below 500."""
    return lambda process: status_of(url) < HTTPStatus.INTERNAL_SERVER_ERROR


def log_says(text: str) -> Callable[[Process], bool]:
    """Ready when the process has written ``text`` since it was started."""
    return lambda process: text in process.output()


def status_of(url: str, timeout: float = 30) -> int:
    """Return the HTTP status of a GET, 599 if nobody answers."""
    try:
        with _open(url, timeout=timeout) as response:
            return int(response.status)
    except HTTPError as error:
        return error.code
    except (URLError, OSError):
        return 599
