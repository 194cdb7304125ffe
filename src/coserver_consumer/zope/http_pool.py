"""HTTP with connections that are kept open: one answer for one request, and faults as outcomes."""

from __future__ import annotations

import time
from collections.abc import Mapping

from urllib3 import BaseHTTPResponse, Timeout
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationValueError,
    NewConnectionError,
    ReadTimeoutError,
)
from urllib3.exceptions import TimeoutError as HTTPTimeout

from coserver_consumer.model.current_job import EndAttempt
from coserver_consumer.model.outcome import Failed
from coserver_consumer.protocol.reply import Reply
from coserver_consumer.zope.http_deadline import DeadlinePoolManager

CONNECT_TIMEOUT_S = 10.0
CHUNK_BYTES = 65_536


class NoConnection(EndAttempt):
    """No connection could be made, so nothing was sent; ``why`` doesn't name the address."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(Failed(error=f"{name}: {why}"))
        self.why = why


class NoAnswer(EndAttempt):
    """The request was sent, and no whole answer came: the server may still be working on it."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(Failed(error=f"{name}: {why}"))


class HttpPool:
    """Connections that are kept open, for all threads of a consumer.

    Redirects aren't followed and nothing is sent twice; no proxy and no cookie is used.
    """

    def __init__(self, *, size: int, max_body: int) -> None:
        self._manager = DeadlinePoolManager(num_pools=20, maxsize=size, retries=False)
        self._max_body = max_body

    def ask(
        self,
        method: str,
        url: str,
        *,
        name: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout: float,
    ) -> Reply:
        """Send one request and return the answer, its body cut at ``max_body`` bytes.

        ``timeout`` seconds are for all of it, from the connection to the end of the answer.
        ``name`` is what people call the request. If there is no whole answer by then, the attempt
        fails: raises ``NoConnection`` or ``NoAnswer``.
        """
        try:
            return self._ask(method, url, headers, body, timeout)
        except LocationValueError as error:
            raise EndAttempt(Failed(error=f"{name}: {error}", retry=False)) from error
        except (NewConnectionError, ConnectTimeoutError) as error:
            raise NoConnection(name, _explain(error, timeout)) from error
        except HTTPError as error:
            raise NoAnswer(name, _explain(error, timeout)) from error

    def _ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout: float,
    ) -> Reply:
        end = time.monotonic() + timeout
        response = self._manager.request(
            method,
            url,
            headers=dict(headers),
            body=body,
            redirect=False,
            preload_content=False,
            decode_content=True,
            timeout=Timeout(connect=min(CONNECT_TIMEOUT_S, timeout), total=timeout),
        )
        try:
            content, is_cut = self._read(response, end)
        except BaseException:
            response.close()
            raise
        if is_cut:
            response.close()
        found = {name.lower(): value for name, value in response.headers.items()}
        return Reply(status=response.status, headers=found, body=content, is_cut=is_cut)

    def _read(self, response: BaseHTTPResponse, end: float) -> tuple[bytes, bool]:
        """Return up to ``max_body`` bytes, and whether there were more."""
        content = bytearray()
        while chunk := response.read1(CHUNK_BYTES):
            content += chunk
            if len(content) > self._max_body:
                return bytes(content[: self._max_body]), True
            if time.monotonic() > end:
                raise ReadTimeoutError(None, None, "")  # type: ignore[arg-type]
        return bytes(content), False


def _explain(error: HTTPError, timeout: float) -> str:
    """Say what went wrong without the URL, whose query may hold what nobody should read."""
    if isinstance(error, NewConnectionError):
        return f"no connection: {error.__cause__ or type(error).__name__}"
    if isinstance(error, ConnectTimeoutError):
        return "no connection in time"
    if isinstance(error, HTTPTimeout):
        return f"no answer within {round(timeout, 2):g} s"
    return f"the connection broke: {type(error).__name__}"
