"""The service by which ``coserver tasks --zope`` asks for the functions that are tasks."""

from __future__ import annotations

from Products.Five import BrowserView

from collective.coserver.functions import registry
from collective.coserver.services.sealed import serve

SERVICE = "/@@coserver-functions"


class Listing(BrowserView):
    """``POST /@@coserver-functions``; the answer is a list of dotted names as JSON.

    Anybody may call it, but only a message with a token from the shared secret is answered.
    """

    def __call__(self) -> str:
        """Answer with the tasks of this process; 401 without a good token."""
        return serve(self.request, SERVICE, lambda body: registry.names())
