"""The examples as an add-on that comes and goes."""

from support.browser import Browser
from support.installation import Installation

BUTTONS = ["@@coserver-examples", "@@queue-hello", "@@queue-newsletter", "@@queue-feed-import"]


def change_addon(admin: Browser, what: str) -> None:
    """Install or uninstall the examples through Plone's REST service."""
    url = f"{admin.public}/@addons/coserver_examples/{what}"
    admin.request("POST", url, headers={"Accept": "application/json"}).raise_for_status()


def test_the_examples_are_gone_when_uninstalled_and_come_back(
    installation: Installation,
) -> None:
    """Without the add-on the site has none of its pages; installed again, it has them."""
    admin = installation.admin()
    for _ in range(2):
        change_addon(admin, "uninstall")
        assert [admin.get(button).status_code for button in BUTTONS] == [404] * 4
        change_addon(admin, "install")
        assert admin.get("@@coserver-examples").status_code == 200


def test_the_examples_are_for_managers_only(installation: Installation) -> None:
    """A contributor neither sees the page nor can press its buttons."""
    carl = installation.user("carl")
    for button in ["@@coserver-examples", "@@queue-newsletter", "@@queue-feed-import"]:
        assert carl.get(button).url.endswith("/insufficient-privileges")
