"""Services that only holders of the secret may ask: consumers and their command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from collective.coserver.publication.start import find_token
from collective.coserver.settings import get_settings
from coserver_consumer import signing
from coserver_consumer.errors import Unsigned

SCHEME = "coserver-seal"


_used = signing.UsedSeals()


def serve(request: Any, service: str, answer: Callable[[bytes], Any]) -> str:
    """Return the answer to the request's body as JSON.

    401 without a good token for this body and this service, which was used for no other request of
    this process.
    """
    response = request.response
    response.setHeader("Content-Type", "application/json")
    body: bytes = request.get("BODY", b"")
    try:
        token = find_token(request, SCHEME) or ""
        secret = get_settings().secret_text
        signing.check_seal(token, body, service=service, secret=secret, used=_used)
    except Unsigned as error:
        response.setStatus(401)
        return json.dumps({"message": str(error)})
    return json.dumps(answer(body))
