"""The browser layer of the examples."""

from zope.publisher.interfaces.browser import IDefaultBrowserLayer


class IExamplesLayer(IDefaultBrowserLayer):
    """Marks the requests of sites in which the examples are installed."""
