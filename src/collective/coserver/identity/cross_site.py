"""Requests that another site has made a visitor's browser send."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import zExceptions
from AccessControl import getSecurityManager
from AccessControl.SecurityManagement import newSecurityManager, setSecurityManager
from plone.protect.authenticator import check
from plone.protect.auto import CSRF_DISABLED
from plone.protect.interfaces import IDisableCSRFProtection
from zope.interface.interfaces import ComponentLookupError

from collective.coserver.database.settings import get_settings
from collective.coserver.identity.owner import find_user
from collective.coserver.identity.sent_request import find_sent_request
from coserver_consumer.model.errors import CrossSiteRequest

UNASKED = ("basic", "digest", "negotiate", "ntlm")  # what browsers send along by themselves
BROWSER = "Mozilla/"  # how the User-Agent of every browser begins, and of few other programs
DEFAULT_PORTS = (":80", ":443")


class Forbidden(CrossSiteRequest, zExceptions.Forbidden):
    """Is answered with 403, which Zope finds by the name of the class."""


def refuse_cross_site() -> None:
    """Raise ``CrossSiteRequest`` if another site may be using a visitor's rights to queue a job.

    plone.protect looks at what is written to the ZODB, where no job is. A request passes without a
    token if it borrows nobody's rights: if its visitor isn't logged in, if it is a job's, if it
    bears a key that browsers don't send unasked. So does one whose view says that it needs no
    protection.
    """
    request = find_sent_request()
    if request is None or CSRF_DISABLED or IDisableCSRFProtection.providedBy(request):
        return
    user = find_user()
    if user is None or _has_key(request) or not comes_from_elsewhere(request):
        return
    if not _has_token(request, user):
        raise Forbidden(
            "This request may come from another site, so it can't queue a job: it bears no token "
            "of plone.protect. Send it from a form of this site, by POST, with the field "
            "_authenticator or the header X-CSRF-TOKEN."
        )


def comes_from_elsewhere(request: Any) -> bool:
    """Return True unless the request comes from this site, from its visitor or from a program.

    Browsers say so in Sec-Fetch-Site if the connection is secure, otherwise in Origin, or in
    Referer, which another site can suppress. A client that says nothing and is no browser is a
    program.
    """
    said = request.getHeader("Sec-Fetch-Site")
    if said in ("same-origin", "none", "cross-site"):
        return said == "cross-site"
    source = request.getHeader("Origin") or request.getHeader("Referer")
    if source:
        return _host(source) not in _own_hosts(request)
    return said is not None or (request.getHeader("User-Agent") or "").startswith(BROWSER)


def _own_hosts(request: Any) -> set[str]:
    """Return the names of this site, with their ports, as visitors know them."""
    public = get_settings().public_url
    addresses = [request["SERVER_URL"], *([public] if public else [])]
    named = request.environ.get("HTTP_HOST", "")
    return {_host(address) for address in (*addresses, f"//{named}")} - {""}


def _host(address: str) -> str:
    """Return host and port, without a port that needn't be said; empty for ``null``."""
    host = urlsplit(address).netloc.lower()
    for port in DEFAULT_PORTS:
        host = host.removesuffix(port)
    return host


def _has_key(request: Any) -> bool:
    scheme = (getattr(request, "_auth", None) or "").partition(" ")[0].lower()
    return scheme not in ("", *UNASKED)


def _has_token(request: Any, user: Any) -> bool:
    """Return True if the request bears its user's token, whatever user the code acts as."""
    before = getSecurityManager()
    newSecurityManager(request, user)
    try:
        check(request)
    except (zExceptions.Forbidden, ComponentLookupError):
        return False
    finally:
        setSecurityManager(before)
    return True
