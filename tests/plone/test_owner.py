"""Whose a job is, and whom a job can't be of."""

from __future__ import annotations

from typing import Any

import pytest
import transaction
from AccessControl.class_init import InitializeClass
from OFS.Folder import Folder
from plone.app.testing import SITE_OWNER_NAME
from Products.PluggableAuthService.interfaces.plugins import (
    IAuthenticationPlugin,
    IExtractionPlugin,
)
from Products.PluggableAuthService.PluggableAuthService import addPluggableAuthService
from Products.PluggableAuthService.plugins.BasePlugin import BasePlugin
from zope.interface import implementer

from collective.coserver.pas.installation import add_plugin, has_plugin, install, uninstall
from tests.plone.instance import PASSWORD, Instance

TRY = {"options": '{"url": "/plone/@@test-tell-jobs"}'}
FOR_JOBS = "/plone/@@test-tell-jobs"


@pytest.mark.parametrize("kind", ["made up", "found"])
@pytest.mark.parametrize("login", [None, "jane"])
def test_a_borrowed_name_owns_no_job(instance: Instance, login: str | None, kind: str) -> None:
    """The job is the visitor's, also where there is a real manager of that name."""
    instance.add_user("jane")
    borrowed = {"name": SITE_OWNER_NAME, "kind": kind}
    instance.browse("/plone/@@test-borrow", login=login, params=borrowed).raise_for_status()
    job = instance.claim()
    assert job.owner == login
    told = instance.run(job).json()
    assert told["user"] == login
    assert "Manager" not in told["roles"]


@implementer(IExtractionPlugin, IAuthenticationPlugin)
class SingleSignOn(BasePlugin):
    """Believes a header, and lists nobody."""

    def __init__(self) -> None:
        self._setId("single_sign_on")

    def extractCredentials(self, request: Any) -> dict[str, Any]:  # noqa: N802
        """Return who the header says it is."""
        return {"remote": request.getHeader("X-Remote-User")}

    def authenticateCredentials(self, credentials: dict) -> tuple[str, str] | None:  # noqa: N802
        """Believe it."""
        name = credentials.get("remote")
        return (name, name) if name else None


InitializeClass(SingleSignOn)


def test_a_user_whom_nobody_lists_is_told_so_at_once(instance: Instance) -> None:
    """A job couldn't tell such a user from a deleted one, and would fail with 401."""
    users = instance.portal.acl_users
    users._setObject("single_sign_on", SingleSignOn())
    for interface in (IExtractionPlugin, IAuthenticationPlugin):
        users.plugins.activatePlugin(interface, "single_sign_on")
    transaction.commit()
    sent = {"headers": {"X-Remote-User": "ann"}, "params": TRY}
    answer = instance.browse("/plone/@@test-try-to-queue", **sent)
    assert answer.text.startswith("No job can run as user 'ann': no plugin of /plone/acl_users")
    assert instance.jobs.count_live() == 0
    instance.add_user("ann")
    assert instance.browse("/plone/@@test-queue", **sent).status_code == 200
    assert instance.run(instance.claim()).json()["user"] == "ann"


def test_a_user_of_a_folder_without_the_plugin_is_told_so_at_once(instance: Instance) -> None:
    """Such as one that was added within the site."""
    instance.portal._setObject("team", Folder("team"))
    users = add_users(instance.portal["team"], "tom")
    answer = instance.browse("/plone/team/@@test-try-to-queue", login="tom", params=TRY)
    assert answer.text.startswith("No job can run as user 'tom': the user folder /plone/team/acl_")
    add_plugin(users)
    transaction.commit()
    told = instance.queue_and_run(
        "/plone/team/@@test-tell-jobs", at="/plone/team/@@test-queue", login="tom"
    )
    assert told.json()["user"] == "tom"


def add_users(place: Any, name: str) -> Any:
    """Give a folder a user folder with a user, and return it."""
    addPluggableAuthService(place)
    users = place.acl_users
    product = users.manage_addProduct["PluggableAuthService"]
    product.addHTTPBasicAuthHelper("basic")
    product.addZODBUserManager("users")
    users.basic.manage_activateInterfaces(["IExtractionPlugin", "IChallengePlugin"])
    users["users"].manage_activateInterfaces(["IAuthenticationPlugin", "IUserEnumerationPlugin"])
    users["users"].addUser(name, name, PASSWORD)
    transaction.commit()
    return users


def test_every_user_folder_above_a_site_gets_the_plugin(instance: Instance) -> None:
    """Also one between the site and Zope's root; and loses it with the last site."""
    instance.app._setObject("between", Folder("between"))
    between = instance.app["between"]
    add_users(between, "ben")
    between._setObject("site", Folder("site"))
    add_users(between["site"], "sue")
    install(between["site"])
    assert has_plugin(between["site"].acl_users)
    assert has_plugin(between.acl_users)
    uninstall(between["site"])
    assert not has_plugin(between["site"].acl_users)
    assert not has_plugin(between.acl_users)
    assert has_plugin(instance.app.acl_users)  # the other site needs it
