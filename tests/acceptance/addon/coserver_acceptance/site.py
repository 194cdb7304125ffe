"""The site as the tests want it, and what they look at in it."""

import json

from plone import api
from plone.protect.interfaces import IDisableCSRFProtection
from Products.Five import BrowserView
from zope.interface import alsoProvides

USERS = {"mira": ["Manager"], "carl": ["Contributor"], "rhea": ["Reviewer", "Contributor"]}


class Prepare(BrowserView):
    """Makes users, and sets the SMTP server and the languages."""

    def __call__(self) -> str:
        """Do all of it."""
        alsoProvides(self.request, IDisableCSRFProtection)
        for name, roles in USERS.items():
            api.user.create(
                username=name,
                email=f"{name}@example.org",
                password=self.request.form["password"],
                roles=["Member", *roles],
            )
        self.set_mail()
        self.set_languages()
        return "prepared"

    def set_mail(self) -> None:
        """Send mail to the test's server."""
        form = self.request.form
        api.portal.set_registry_record("plone.smtp_host", form["smtp_host"])
        api.portal.set_registry_record("plone.smtp_port", int(form["smtp_port"]))
        api.portal.set_registry_record("plone.email_from_address", "site@example.org")
        api.portal.set_registry_record("plone.email_from_name", "The harbour")

    def set_languages(self) -> None:
        """Let a cookie, which no job bears, choose between English and German."""
        api.portal.set_registry_record("plone.available_languages", ["en", "de"])
        api.portal.set_registry_record("plone.use_cookie_negotiation", value=True)


class AddUser(BrowserView):
    """Adds a user with a role."""

    def __call__(self) -> str:
        """Answer when it is there."""
        alsoProvides(self.request, IDisableCSRFProtection)
        form = self.request.form
        api.user.create(
            username=form["name"],
            email=f"{form['name']}@example.org",
            password=form["password"],
            roles=["Member", form["role"]],
        )
        return "added"


class AddSkin(BrowserView):
    """Adds a skin of the name that it is given."""

    def __call__(self) -> str:
        """Answer with the name of the cookie that chooses a skin."""
        alsoProvides(self.request, IDisableCSRFProtection)
        skins = api.portal.get_tool("portal_skins")
        skins.addSkinSelection(self.request.form["name"], skins.getSkinPath("Plone Default"))
        return skins.getRequestVarname()


class Description(BrowserView):
    """What the site says of itself."""

    def __call__(self) -> str:
        """Answer with the text alone."""
        return self.context.description


class Owners(BrowserView):
    """Who owns an object."""

    def __call__(self) -> str:
        """Answer with the ids of all users who have the role Owner here, as JSON."""
        return json.dumps(list(self.context.users_with_local_role("Owner")))
