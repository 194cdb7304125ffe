"""Whether somebody has sent the current request."""

from __future__ import annotations

from typing import Any

from zope.globalrequest import getRequest


def is_sent(request: Any) -> bool:
    """True for a request that came through a web server, or was published as if it had.

    ``zconsole``, ``instance run`` and test layers make up a request (``makerequest``): its
    environment lacks what PEP 3333 demands of a web server.
    """
    return request is not None and "wsgi.url_scheme" in getattr(request, "environ", ())


def find_sent_request() -> Any:
    """Return the current request, None if nobody has sent one."""
    request = getRequest()
    return request if is_sent(request) else None
