"""Layers for tests of the add-on, and of others that build on it."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from plone.app.testing import PLONE_FIXTURE, FunctionalTesting, PloneSandboxLayer, applyProfile
from plone.testing import Layer
from plone.testing.zope import WSGI_SERVER_FIXTURE

import collective.coserver
from collective.coserver.testing.consumer import open_queue


class CoserverLayer(PloneSandboxLayer):
    """A Plone site with the add-on. Nothing is queued before a test says where."""

    defaultBases = (PLONE_FIXTURE,)  # noqa: N815

    def setUpZope(self, app: Any, configurationContext: Any) -> None:  # noqa: N802, N803
        """Load the add-on."""
        self.loadZCML(package=collective.coserver)

    def setUpPloneSite(self, portal: Any) -> None:  # noqa: N802
        """Install the add-on."""
        applyProfile(portal, "collective.coserver:default")


class CoserverQueueLayer(Layer):
    """An empty queue for each test, with a consumer: the resource ``coserver_jobs``.

    For zope.testrunner, among the bases of a functional layer that has the add-on; the fixture of
    the same name does as much for pytest.
    """

    def testSetUp(self) -> None:  # noqa: N802
        """Open the queue."""
        self._opened = ExitStack()
        folder = Path(self._opened.enter_context(TemporaryDirectory()))
        self["coserver_jobs"] = self._opened.enter_context(open_queue(folder))

    def testTearDown(self) -> None:  # noqa: N802
        """Remove it, with what is in it."""
        del self["coserver_jobs"]
        self._opened.close()


COSERVER_FIXTURE = CoserverLayer()
COSERVER_QUEUE_FIXTURE = CoserverQueueLayer()
COSERVER_FUNCTIONAL_TESTING = FunctionalTesting(
    bases=(COSERVER_FIXTURE, WSGI_SERVER_FIXTURE), name="CoserverLayer:Functional"
)
