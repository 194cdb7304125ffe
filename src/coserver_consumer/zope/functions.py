"""Asking a Zope instance which functions are tasks there."""

from __future__ import annotations

import json

from coserver_consumer.settings.settings import Settings
from coserver_consumer.zope.service import Services

SERVICE = "/@@coserver-functions"


def list_functions(settings: Settings) -> list[str]:
    """Return the dotted names of those that it has imported; raise ``ZopeUnavailable``."""
    reply = Services(settings).ask_any(SERVICE, b"[]")
    return [str(name) for name in json.loads(reply.body)]
