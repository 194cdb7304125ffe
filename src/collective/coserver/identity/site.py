"""The Plone site that something is in."""

from __future__ import annotations

from typing import Any

from Acquisition import aq_chain
from plone.base.interfaces import IPloneSiteRoot
from zope.component.hooks import getSite


def find_site(context: Any = None) -> Any:
    """Return the Plone site that ``context`` is in, by default the current one, None outside."""
    place = getSite() if context is None else context
    return next((item for item in aq_chain(place) if IPloneSiteRoot.providedBy(item)), None)


def site_path(site: Any) -> str | None:
    """Return the physical path of a site."""
    return None if site is None else "/".join(site.getPhysicalPath())
