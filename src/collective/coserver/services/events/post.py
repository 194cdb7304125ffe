"""The service by which a consumer has Zope tell its subscribers how jobs have ended."""

from __future__ import annotations

from Products.Five import BrowserView

from collective.coserver.services.events.telling import tell
from collective.coserver.services.sealed import serve
from coserver_consumer.protocol.services import EVENTS


class Events(BrowserView):
    """``POST /@@coserver-events``; the question is a list of ids of rows of ``coserver_event``.

    Anybody may call it, but only a question with a token from the shared secret is answered.
    """

    def __call__(self) -> str:
        """Answer with what was told, and what failed; 401 without a good token."""
        return serve(self.request, EVENTS, tell)
