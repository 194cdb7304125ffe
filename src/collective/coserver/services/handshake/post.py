"""The service by which a consumer finds out whether it and this Zope belong together."""

from __future__ import annotations

import Zope2
from Products.Five import BrowserView
from sqlalchemy import Connection
from ZODB.POSException import StorageError

from collective.coserver.database.engine import read
from collective.coserver.database.settings import get_settings
from collective.coserver.evidence.storages import find_disconnected
from collective.coserver.publication.agreement import Disagreement, agreement
from collective.coserver.publication.inflight import name_process
from collective.coserver.services.token import find_token
from coserver_consumer import store
from coserver_consumer.model.errors import ConfigurationError, StoreError, Unsigned
from coserver_consumer.protocol import handshake
from coserver_consumer.protocol.markers import PROOF
from coserver_consumer.store import manage


class Handshake(BrowserView):
    """``POST /@@coserver-handshake``; see ``coserver_consumer.protocol.handshake``.

    Anybody may call it, but learns nothing more without a proof of having the secret.
    """

    def __call__(self) -> str:
        """Answer who this is; 401 for another secret, 503 if Zope can't run jobs."""
        response = self.request.response
        response.setHeader("Content-Type", "application/json")
        try:
            return self._greet()
        except Unsigned as error:
            response.setStatus(401)
            return handshake.refusal(str(error))
        except ConfigurationError as error:
            response.setStatus(503)
            return handshake.refusal(f"Zope there isn't set up: {error}")
        except StoreError:
            response.setStatus(503)
            return handshake.refusal("Zope there can't use its queue's database; its log says why")

    def _greet(self) -> str:
        secret = get_settings().secret_text
        proof = find_token(self.request, handshake.SCHEME.lower()) or ""
        question = handshake.read_question(self.request.get("BODY", b""), proof, secret=secret)
        if hindrance := find_hindrance():
            self.request.response.setStatus(503)
            return handshake.refusal(hindrance)
        greeting = read(lambda connection: greet(connection, question.consumer))
        body, proof = handshake.answer(greeting, question, secret=secret)
        self.request.response.setHeader(PROOF, proof)
        return body.decode()


def find_hindrance() -> str | None:
    """Return what of the ZODB keeps jobs from running here now, None if nothing does."""
    if name := find_disconnected():
        return f"Zope there can't reach the ZEO server of its database {name}"
    try:
        agreement.check(Zope2.DB.databases)
    except (Disagreement, StorageError) as error:
        return str(error)
    return None


def greet(connection: Connection, consumer: str | None) -> handshake.Greeting:
    """Return what this Zope says of itself to this consumer."""
    return handshake.Greeting(
        process=name_process(),
        now=manage.now(connection) / store.SECOND,
        knows=None if consumer is None else manage.knows_consumer(connection, consumer),
    )
