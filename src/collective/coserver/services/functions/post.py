"""The service by which ``coserver tasks --zope`` asks for the functions that are tasks."""

from __future__ import annotations

from Products.Five import BrowserView

from collective.coserver.functions import registry
from collective.coserver.services.sealed import serve
from coserver_consumer.protocol.services import FUNCTIONS


class Listing(BrowserView):
    """``POST /@@coserver-functions``; the answer is a list of dotted names.

    Anybody may call it, but only a question with a token from the shared secret is answered.
    """

    def __call__(self) -> str:
        """Answer with the functions that are tasks in this process; 401 without a good token."""
        return serve(self.request, FUNCTIONS, lambda _: registry.names())
