"""What a consumer and a Zope say to each other to find out whether they belong together.

The consumer sends a number that it uses once, and the proof in the answer covers that number: so
whoever answers has the same secret. No clock matters to either message. The answer bears the
database's time, by which the consumer makes its tokens.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any

from coserver_consumer.model.errors import Unsigned, ZopeUnavailable
from coserver_consumer.protocol.markers import PROOF
from coserver_consumer.protocol.reply import Reply

SERVICE = "/@@coserver-handshake"
SCHEME = "Coserver-Handshake"
DIFFERS = "it has another secret than this consumer (setting secret or secret_file)"
NO_ADDON = (
    "something else answers there than a Zope with this version of collective.coserver "
    "(status {status}); is the setting zope_url right?"
)
OTHER_QUEUE = "it uses another queue's database than this consumer (setting database)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a Zope is asked: whether the database of its queue knows the consumer with this id."""

    nonce: str
    consumer: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """What a Zope says of itself.

    ``process`` names one start of one process. ``now`` is the database's time, in seconds since the
    epoch. ``knows`` says whether the consumer that asks is in the database of this Zope's queue; it
    is None if no consumer was named.
    """

    process: str
    now: float
    knows: bool | None


def ask(consumer: str | None, *, secret: str) -> tuple[Question, bytes, str]:
    """Return a question, the message that asks it, and the value of its header Authorization."""
    question = Question(nonce=secrets.token_hex(16), consumer=consumer)
    body = json.dumps(asdict(question)).encode()
    return question, body, f"{SCHEME} {_prove('question', b'', body, secret)}"


def read_question(body: bytes, proof: str, *, secret: str) -> Question:
    """Return what is asked; raise ``Unsigned`` if whoever asks has another secret."""
    if not hmac.compare_digest(proof.encode(), _prove("question", b"", body, secret).encode()):
        raise Unsigned("The consumer has another secret than this Zope.")
    said = json.loads(body)
    return Question(nonce=str(said["nonce"]), consumer=said["consumer"])


def answer(greeting: Greeting, question: Question, *, secret: str) -> tuple[bytes, str]:
    """Return the message that answers, and the value of its header ``PROOF``."""
    body = json.dumps(asdict(greeting)).encode()
    return body, _prove("answer", question.nonce.encode(), body, secret)


def read_answer(reply: Reply, question: Question, *, secret: str) -> Greeting:
    """Return what Zope says of itself; raise ``ZopeUnavailable`` if it can't be worked with."""
    proof = reply.headers.get(PROOF.lower())
    if proof is None:
        raise ZopeUnavailable(_explain(reply))
    expected = _prove("answer", question.nonce.encode(), reply.body, secret)
    if not hmac.compare_digest(proof.encode(), expected.encode()):
        raise ZopeUnavailable(DIFFERS)
    greeting = Greeting(**json.loads(reply.body))
    if greeting.knows is False:
        raise ZopeUnavailable(OTHER_QUEUE)
    return greeting


def refusal(why: str) -> str:
    """Return the body of an answer that says what is wrong, for ``read_answer``."""
    return json.dumps({"coserver": why})


def _explain(reply: Reply) -> str:
    """Say what an answer without a proof means."""
    said: Any
    try:
        said = json.loads(reply.body)
    except ValueError:
        said = None
    if isinstance(said, dict) and isinstance(said.get("coserver"), str):
        return DIFFERS if reply.status == HTTPStatus.UNAUTHORIZED else said["coserver"][:300]
    if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return f"it answers {reply.status}; its log may say why"
    return NO_ADDON.format(status=reply.status)


def _prove(what: str, nonce: bytes, body: bytes, secret: str) -> str:
    key = hmac.new(secret.encode(), b"coserver handshake", hashlib.sha256).digest()
    return hmac.new(key, b"\0".join([what.encode(), nonce, body]), hashlib.sha256).hexdigest()
