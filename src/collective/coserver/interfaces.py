"""The layers of a request."""

from zope.interface import Interface


class IJobRequest(Interface):
    """The request of a consumer that runs a job; register views for it that browsers can't find."""


class ICoserverLayer(Interface):
    """Any request to a site where the add-on is installed."""
