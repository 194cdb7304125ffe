"""The press of a button on the examples' page: what is checked, and what is answered."""

from urllib.parse import urlencode

from plone import api
from plone.base.interfaces import IPloneSiteRoot
from plone.protect import CheckAuthenticator, PostOnly
from zope.i18nmessageid import Message
from ZPublisher.HTTPRequest import HTTPRequest


def check(request: HTTPRequest) -> None:
    """Raise ``Forbidden`` unless the request is a POST of our own form.

    Queuing writes nothing to the ZODB, so Plone's automatic protection doesn't see it: a view
    that queues asks for the authenticator itself.
    """
    PostOnly(request)
    CheckAuthenticator(request)


def answer(site: IPloneSiteRoot, text: Message, *, job_id: str = "") -> str:
    """Go back to the examples' page, show ``text`` and the job there; return the address."""
    api.portal.show_message(text, site.REQUEST)
    query = f"?{urlencode({'job_id': job_id})}" if job_id else ""
    return site.REQUEST.response.redirect(f"{site.absolute_url()}/@@coserver-examples{query}")


def complain(site: IPloneSiteRoot, text: Message) -> str:
    """Go back to the examples' page, show what was wrong, and return the address."""
    api.portal.show_message(text, site.REQUEST, type="error")
    return site.REQUEST.response.redirect(f"{site.absolute_url()}/@@coserver-examples")
