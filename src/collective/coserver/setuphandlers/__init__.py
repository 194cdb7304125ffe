"""What the profiles do that XML can't."""

from __future__ import annotations

from typing import Any

from AccessControl.Permission import pname
from plone.base.interfaces import INonInstallable
from Products.GenericSetup.tool import SetupTool
from zope.interface import implementer

from collective.coserver.pas import installation
from collective.coserver.permissions import MANAGE_JOBS, VIEW_ALL_JOBS, VIEW_OWN_JOBS


@implementer(INonInstallable)
class HiddenProfiles:
    """Profiles that no form offers."""

    def getNonInstallableProfiles(self) -> list[str]:  # noqa: N802
        """Return the profile that only uninstalling runs."""
        return ["collective.coserver:uninstall"]

    def getNonInstallableProducts(self) -> list[str]:  # noqa: N802
        """Return the product of the upgrade steps."""
        return ["collective.coserver.upgrades"]


def install(tool: SetupTool) -> None:
    """Let jobs log in their owners."""
    installation.install(_site_of(tool))


def uninstall(tool: SetupTool) -> None:
    """Take back what was set for jobs: the plugins and the site's permission settings."""
    site = _site_of(tool)
    installation.uninstall(site)
    for permission in (MANAGE_JOBS, VIEW_ALL_JOBS, VIEW_OWN_JOBS):
        if pname(permission) in vars(site):
            delattr(site, pname(permission))


def _site_of(tool: SetupTool) -> Any:
    return tool.__parent__
