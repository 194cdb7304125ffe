"""Services that only holders of the secret may ask: consumers and their command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from collective.coserver.database.engine import read
from collective.coserver.database.settings import get_settings
from collective.coserver.services.token import find_token
from coserver_consumer import store
from coserver_consumer.model.errors import ConfigurationError, StoreError, Unsigned
from coserver_consumer.protocol import signing

SCHEME = "coserver-seal"


_used = signing.UsedSeals()


def serve(request: Any, service: str, answer: Callable[[bytes], Any]) -> str:
    """Return the answer to the request's body as JSON.

    401 without a good token for this body and this service, which was used for no other request of
    this process. 503 while the queue's database can't be reached, by whose clock tokens are good.
    """
    response = request.response
    response.setHeader("Content-Type", "application/json")
    body: bytes = request.get("BODY", b"")
    try:
        token = find_token(request, SCHEME) or ""
        now, secret = read(store.now) / store.SECOND, get_settings().secret_text
        signing.check_seal(token, body, service=service, secret=secret, now=now, used=_used)
    except Unsigned as error:
        response.setStatus(401)
        return json.dumps({"message": str(error)})
    except (ConfigurationError, StoreError) as error:
        response.setStatus(503)
        return json.dumps({"message": str(error)})
    return json.dumps(answer(body))
