"""What the add-ons control panel leaves out."""

from plone.base.interfaces import INonInstallable
from zope.interface import implementer


@implementer(INonInstallable)
class HiddenProfiles:
    """Keeps the uninstall profile out of the list of add-ons."""

    def getNonInstallableProfiles(self) -> list[str]:  # noqa: N802 - the interface's name
        """Return the profiles that nobody installs by hand."""
        return ["coserver_examples:uninstall"]

    def getNonInstallableProducts(self) -> list[str]:  # noqa: N802 - the interface's name
        """Return the products that nobody installs by hand: none."""
        return []
