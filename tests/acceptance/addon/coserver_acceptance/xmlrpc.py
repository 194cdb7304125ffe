"""Methods that the tests have called through XML-RPC."""

from datetime import datetime
from typing import Any
from xmlrpc.client import Fault

from plone import api
from Products.Five import BrowserView


class Echo(BrowserView):
    """Says what it was given, and as whom it runs."""

    def __call__(self, text: str, number: int, items: list[Any], flag: bool) -> dict[str, Any]:  # noqa: FBT001
        """Return what XML-RPC can bear."""
        return {
            "args": [text, number, items, flag],
            "user": api.user.get_current().getId(),
            "bytes": b"\x00\xff",
            "moment": datetime(2026, 1, 2, 3, 4, 5),  # noqa: DTZ001  XML-RPC has no zones
            "nothing": None,
        }


class ReturnFault(BrowserView):
    """Changes the site and returns a fault."""

    def __call__(self, text: str) -> Fault:
        """Zope takes it for an answer, and commits."""
        self.context.description = text
        return Fault(7, f"no ship is called {text}")


class Raise(BrowserView):
    """Raises an error."""

    def __call__(self) -> None:
        """Fail."""
        raise RuntimeError("This call was meant to fail.")
