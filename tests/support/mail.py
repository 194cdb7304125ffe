"""A real SMTP server on the loopback address that keeps what it is sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

from demo.ports import HOST, free_port


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail that came in, for one recipient."""

    recipient: str
    message: EmailMessage

    @property
    def text(self) -> str:
        """The body."""
        return str(self.message.get_content())


class Mailbox:
    """Everything that came in, in that order; ``port`` is where the server listens."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.mails: list[Mail] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep a mail, once for each recipient."""
        message = message_from_bytes(envelope.content, policy=policy.default)
        self.mails += [Mail(recipient=to, message=message) for to in envelope.rcpt_tos]
        return "250 OK"

    def to_domain(self, domain: str) -> list[Mail]:
        """Return the mails to addresses of that domain."""
        return [mail for mail in self.mails if mail.recipient.endswith(f"@{domain}")]


class MailServer:
    """The server itself, which can be away for a while; ``mailbox`` has what it was sent."""

    def __init__(self) -> None:
        self.mailbox = Mailbox(free_port())
        self._controller = self._make()

    def start(self) -> None:
        """Take mail from now on."""
        self._controller.start()

    def stop(self) -> None:
        """Refuse all connections from now on."""
        self._controller.stop()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Nobody answers for a while."""
        self.stop()
        try:
            yield
        finally:
            self._controller = self._make()
            self.start()

    def _make(self) -> Controller:
        return Controller(self.mailbox, hostname=HOST, port=self.mailbox.port)


@contextmanager
def serve_mail() -> Iterator[MailServer]:
    """Run an SMTP server in a thread and yield it."""
    server = MailServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()
