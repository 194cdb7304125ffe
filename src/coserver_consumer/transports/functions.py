"""Asking a Zope instance which functions are tasks there."""

from __future__ import annotations

from urllib3.exceptions import HTTPError

from coserver_consumer.errors import ZopeUnavailable
from coserver_consumer.settings import Settings
from coserver_consumer.transports.service import OK, ask_service, make_pool, name_instances

SERVICE = "/@@coserver-functions"


def list_functions(settings: Settings) -> list[str]:
    """Return the dotted names of those that it has imported; raise ``ZopeUnavailable``."""
    where = name_instances(settings)
    try:
        reply = ask_service(make_pool(), settings, SERVICE, b"[]")
    except HTTPError as error:
        raise ZopeUnavailable(
            f"Zope at {where} doesn't answer ({type(error).__name__}): is it running?"
        ) from error
    if reply.status != OK:
        raise ZopeUnavailable(
            f"Zope at {where} doesn't tell its functions (status {reply.status}): is "
            "collective.coserver installed there, with the same secret?"
        )
    return [str(name) for name in reply.json()]
