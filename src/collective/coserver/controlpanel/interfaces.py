"""What marks the pages of the control panel."""

from zope.interface import Interface


class IPanelPage(Interface):
    """A page of the control panel, which has the panel's breadcrumbs."""
