"""Layers for tests of the add-on, and of others that build on it."""

from __future__ import annotations

from typing import Any

from plone.app.testing import PLONE_FIXTURE, FunctionalTesting, PloneSandboxLayer, applyProfile
from plone.testing.zope import WSGI_SERVER_FIXTURE

import collective.coserver


class CoserverLayer(PloneSandboxLayer):
    """A Plone site with the add-on. Nothing is queued before a test says where."""

    defaultBases = (PLONE_FIXTURE,)  # noqa: N815

    def setUpZope(self, app: Any, configurationContext: Any) -> None:  # noqa: N802, N803
        """Load the add-on."""
        self.loadZCML(package=collective.coserver)

    def setUpPloneSite(self, portal: Any) -> None:  # noqa: N802
        """Install the add-on."""
        applyProfile(portal, "collective.coserver:default")


COSERVER_FIXTURE = CoserverLayer()
COSERVER_FUNCTIONAL_TESTING = FunctionalTesting(
    bases=(COSERVER_FIXTURE, WSGI_SERVER_FIXTURE), name="CoserverLayer:Functional"
)
