"""Create the Plone site: ``zconsole run zope.conf demo/site.py SITE_ID PROFILE...``.

Run again, it only applies those profiles that aren't installed yet.
"""

from __future__ import annotations

import sys
from typing import Any

import transaction
from plone.distribution.api import site as sites
from zope.component.hooks import setSite

ANSWERS = {
    "title": "Coserver",
    "description": "Background jobs for Plone",
    "default_language": "en",
    "portal_timezone": "UTC",
    "setup_content": True,
}


def main(app: Any, site_id: str, profiles: list[str]) -> None:
    """Make sure that the site is there with all profiles, and commit."""
    if site_id not in app:
        sites.create(app, "classic", {"site_id": site_id, **ANSWERS})
    site = app[site_id]
    setSite(site)
    install(site.portal_setup, profiles)
    transaction.get().note("Created the site")
    transaction.commit()


def install(setup: Any, profiles: list[str]) -> None:
    """Apply each profile that isn't installed."""
    for profile in profiles:
        if setup.getLastVersionForProfile(profile) == "unknown":
            setup.runAllImportStepsFromProfile(f"profile-{profile}")
            print(f"Applied {profile}")


if __name__ == "__main__":
    SITE_ID, *PROFILES = sys.argv[4:]  # behind zconsole, run, zope.conf and this script
    main(globals()["app"], SITE_ID, PROFILES)
