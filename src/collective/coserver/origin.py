"""Where a job comes from: what of the queuing request its own request is given back."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from Acquisition import aq_chain
from plone.base.interfaces import IPloneSiteRoot
from zope.component.hooks import getSite

from collective.coserver.owner import Owner


def find_site(context: Any = None) -> Any:
    """Return the Plone site that ``context`` is in, by default the current one, None outside."""
    place = getSite() if context is None else context
    return next((item for item in aq_chain(place) if IPloneSiteRoot.providedBy(item)), None)


def site_path(site: Any) -> str | None:
    """Return the physical path of a site."""
    return None if site is None else "/".join(site.getPhysicalPath())


def to_origin(owner: Owner, *, site: Any, request: Any) -> dict[str, Any]:
    """Return the origin as JSON: user folder, language, virtual host and skin.

    Without a request, in a script, the job's links bear the address at which its consumer
    reaches Zope.
    """
    return {
        "user_folder": owner.folder,
        "language": None if request is None else request.get("LANGUAGE"),
        "skin": None if site is None else site.getCurrentSkinName(),
        **_virtual_host(request),
    }


def _virtual_host(request: Any) -> dict[str, Any]:
    if request is None:
        return {"server_url": "", "root": "", "prefix": []}
    return {
        "server_url": request["SERVER_URL"],
        "root": "/".join(request.get("VirtualRootPhysicalPath", ("",))),
        "prefix": [f"_vh_{name}" for name in _prefix(request)],
    }


def _prefix(request: Any) -> list[str]:
    """Return the path elements that the visitor sees before the virtual root, as VHM was told."""
    return [unquote(name) for name in request.getVirtualRoot().split("/") if name]
