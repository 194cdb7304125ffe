"""Asking those services of Zope instances that answer only holders of the secret."""

from __future__ import annotations

import json
import time
from http import HTTPStatus
from typing import TypeVar

from urllib3 import Timeout
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError
from urllib3.exceptions import TimeoutError as HTTPTimeout

from coserver_consumer.model.errors import ZopeUnavailable
from coserver_consumer.model.exception_text import describe
from coserver_consumer.protocol import handshake
from coserver_consumer.protocol.handshake import Greeting
from coserver_consumer.protocol.reply import Reply
from coserver_consumer.protocol.services import Service
from coserver_consumer.protocol.tokens import seal
from coserver_consumer.runtime.logs import log_texts
from coserver_consumer.settings.settings import Settings
from coserver_consumer.zope.http_deadline import DeadlinePoolManager

HANDSHAKE_TIMEOUT_S = 5.0
CONNECT_TIMEOUT_S = 5.0
CONNECTIONS = 4  # that are kept to each instance

Q = TypeVar("Q")
A = TypeVar("A")


class ZopeSilent(ZopeUnavailable):
    """No answer came from it."""


class ZopeGone(ZopeSilent):
    """Nobody listens there, so no process is at work there either."""


class ZopeBusy(ZopeSilent):
    """No answer came in time."""


class Services:
    """The services of the instances in the settings, for any thread.

    Each question raises ``ZopeUnavailable`` with the reason, which doesn't name the instance.
    """

    def __init__(self, settings: Settings) -> None:
        self._secret = settings.secret_text
        self._urls = settings.zope_url
        self._pool = DeadlinePoolManager(num_pools=20, maxsize=CONNECTIONS, retries=False)
        self._ahead: float | None = None  # of our monotonic clock is the database's, in seconds

    def greet(self, url: str, consumer: str | None = None) -> Greeting:
        """Return what the instance says of itself, once it has proved to have the secret.

        ``consumer`` is an id that is in the queue's database.
        """
        question, body, proof = handshake.ask(consumer, secret=self._secret)
        reply = self._post(url + handshake.SERVICE, body, proof, HANDSHAKE_TIMEOUT_S)
        greeting = handshake.read_answer(reply, question, secret=self._secret)
        self._ahead = greeting.now - time.monotonic()
        return greeting

    def ask(self, url: str, service: Service[Q, A], question: Q) -> A:
        """Return what the instance answers."""
        body = json.dumps(service.dump_question(question)).encode()
        reply = self._send(url, service, body)
        if reply.status == HTTPStatus.UNAUTHORIZED:  # the clock may have been set
            self.greet(url)
            reply = self._send(url, service, body)
        if reply.status != HTTPStatus.OK:
            raise ZopeUnavailable(f"it answers {reply.status} to {service.path}: {_why(reply)}")
        try:
            return service.load_answer(json.loads(reply.body))
        except (ValueError, KeyError, TypeError) as error:
            raise ZopeUnavailable(
                f"its answer to {service.path} can't be read ({describe(error)}): are both of the "
                "same version of collective.coserver?"
            ) from error

    def ask_any(self, service: Service[Q, A], question: Q) -> A:
        """Return what the first instance answers that can; the error names all."""
        why: list[str] = []
        for url in self._urls:
            try:
                return self.ask(url, service, question)
            except ZopeUnavailable as error:
                why.append(f"{url}: {error}")
        raise ZopeUnavailable(f"Zope can't be asked: {'; '.join(why)}.")

    def _send(self, url: str, service: Service[Q, A], body: bytes) -> Reply:
        ahead = self._ahead
        if ahead is None:
            ahead = self.greet(url).now - time.monotonic()
        now = ahead + time.monotonic()
        token = seal(body, service=service.path, secret=self._secret, now=now)
        return self._post(url + service.path, body, f"Coserver-Seal {token}", service.timeout_s)

    def _post(self, url: str, body: bytes, authorization: str, timeout: float) -> Reply:
        try:
            response = self._pool.request(
                "POST",
                url,
                body=body,
                headers={"Authorization": authorization, "Content-Type": "application/json"},
                redirect=False,
                timeout=Timeout(connect=CONNECT_TIMEOUT_S, read=timeout),
            )
        except HTTPError as error:
            raise _explain(error, timeout) from error
        found = {name.lower(): value for name, value in response.headers.items()}
        return Reply(status=response.status, headers=found, body=response.data)


def _why(reply: Reply) -> str:
    """Return the reason that Zope gives, without its full stop."""
    if reply.body and reply.content_type.startswith("text/plain"):
        return log_texts.shorten(reply.text).rstrip(".")
    return "its log may say why"


def _explain(error: HTTPError, timeout: float) -> ZopeUnavailable:
    if isinstance(error, ConnectTimeoutError) and not isinstance(error, NewConnectionError):
        return ZopeSilent("no connection in time")
    if isinstance(error, NewConnectionError):
        cause = error.__cause__
        said = f"no connection: {cause or type(error).__name__}"
        return ZopeGone(said) if isinstance(cause, ConnectionRefusedError) else ZopeSilent(said)
    if isinstance(error, HTTPTimeout):
        return ZopeBusy(f"no answer within {timeout:g} s")
    return ZopeSilent(f"the connection broke: {type(error).__name__}")
