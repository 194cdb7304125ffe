"""Services that only holders of the secret may ask: consumers and their command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from collective.coserver.database.engine import read
from collective.coserver.database.settings import get_settings
from collective.coserver.services.token import find_token
from coserver_consumer import store
from coserver_consumer.model.errors import ConfigurationError, StoreError, Unsigned
from coserver_consumer.protocol import tokens
from coserver_consumer.protocol.services import Service
from coserver_consumer.store import manage

SCHEME = "coserver-seal"

Q = TypeVar("Q")
A = TypeVar("A")

_used = tokens.UsedSeals()


def serve(request: Any, service: Service[Q, A], answer: Callable[[Q], A]) -> str:
    """Return the answer to the request's question, as JSON.

    401 without a good token for this question and this service, which was used for no other
    request of this process. 503 while the queue's database can't be reached: by its clock tokens
    are good.
    """
    response, body = request.response, request.get("BODY", b"")
    response.setHeader("Content-Type", "application/json")
    try:
        _check_seal(find_token(request, SCHEME) or "", body, service.path)
    except Unsigned as error:
        response.setStatus(401)
        return json.dumps({"message": str(error)})
    except (ConfigurationError, StoreError) as error:
        response.setStatus(503)
        return json.dumps({"message": str(error)})
    question = service.load_question(json.loads(body))
    return json.dumps(service.dump_answer(answer(question)))


def _check_seal(token: str, body: bytes, path: str) -> None:
    now, secret = read(manage.now) / store.SECOND, get_settings().secret_text
    tokens.check_seal(token, body, service=path, secret=secret, now=now, used=_used)
