"""Installing and uninstalling."""

from __future__ import annotations

from typing import Any

import pytest
from plone import api
from plone.app.testing import SITE_OWNER_NAME, applyProfile
from plone.base.interfaces import INonInstallable
from plone.base.utils import get_installer
from plone.browserlayer.utils import registered_layers
from plone.registry.interfaces import IRegistry
from Products.CMFPlone.factory import addPloneSite
from Products.PluggableAuthService.interfaces.plugins import (
    IAuthenticationPlugin,
    IExtractionPlugin,
)
from zope.component import getUtilitiesFor, getUtility
from zope.component.hooks import setSite
from zope.component.hooks import site as current_site

from collective.coserver.interfaces import ICoserverLayer

ADD_ON = "collective.coserver"
PLUGIN = "coserver_job_owner"


@pytest.fixture
def site(functional: Any) -> Any:
    """A second site, where the add-on never was; what it depends on is there."""
    with api.env.adopt_user(SITE_OWNER_NAME):
        other = addPloneSite(
            functional["app"], "other", title="Other", setup_content=False, default_language="en"
        )
        applyProfile(other, "plone.restapi:default")
        setSite(other)
        yield other
        setSite(functional["portal"])


def snapshot(site: Any) -> dict[str, Any]:
    """Return what an add-on could leave behind."""
    users, root_users = site.acl_users, site.getPhysicalRoot().acl_users
    registry = getUtility(IRegistry)
    manager = site.getSiteManager()
    return {
        "attributes": sorted(vars(site)),
        "content": sorted(site.objectIds()),
        "permissions": {
            name: value for name, value in vars(site).items() if name.endswith("_Permission")
        },
        "roles": site.valid_roles(),
        "plugins": {"site": plugins_of(users), "root": plugins_of(root_users)},
        "layers": sorted(layer.__identifier__ for layer in registered_layers()),
        "configlets": [action.getId() for action in site.portal_controlpanel.listActions()],
        "registry": {name: repr(record.value) for name, record in registry.records.items()},
        "components": sorted(
            f"{item.provided.__identifier__} {item.name}" for item in manager.registeredUtilities()
        ),
        "profiles": dict(site.portal_setup._profile_upgrade_versions),
        "steps": site.portal_setup.getSortedImportSteps(),
    }


def plugins_of(users: Any) -> dict[str, Any]:
    """Return the plugins of a user folder and, in their order, those that are active."""
    return {"all": users.objectIds()} | {
        kind["id"]: users.plugins.listPluginIds(kind["interface"])
        for kind in users.plugins.listPluginTypeInfo()
    }


def test_installing_and_uninstalling_twice_leaves_nothing_behind(
    functional: Any, site: Any
) -> None:
    """Neither in the site nor in the root, where it was the only site that needed the plugin."""
    with current_site(functional["portal"]):
        get_installer(functional["portal"]).uninstall_product(ADD_ON)
    installer = get_installer(site)
    before = snapshot(site)
    for _ in range(2):
        installer.install_product(ADD_ON)
        assert snapshot(site) != before
        installer.uninstall_product(ADD_ON)
        assert snapshot(site) == before


def test_the_root_keeps_the_plugin_for_another_site(functional: Any, site: Any) -> None:
    """The other site's jobs still run as the root's users."""
    installer = get_installer(site)
    installer.install_product(ADD_ON)
    installer.uninstall_product(ADD_ON)
    assert PLUGIN not in site.acl_users.objectIds()
    assert PLUGIN in functional["app"].acl_users.objectIds()


def test_installing_again_changes_nothing(functional: Any) -> None:
    """Applying the profile to a site that has it is harmless."""
    portal = functional["portal"]
    before = snapshot(portal)
    applyProfile(portal, f"{ADD_ON}:default")
    assert snapshot(portal) == before


def test_the_plugin_comes_first(functional: Any) -> None:
    """Others don't know what to make of a job's request; and it challenges nobody."""
    for users in (functional["portal"].acl_users, functional["app"].acl_users):
        for interface in (IExtractionPlugin, IAuthenticationPlugin):
            assert users.plugins.listPluginIds(interface)[0] == PLUGIN
        kinds = plugins_of(users)
        assert {kind for kind in kinds if PLUGIN in kinds[kind]} == {
            "all",
            "IExtractionPlugin",
            "IAuthenticationPlugin",
        }


def test_rest_and_layer_are_there(functional: Any) -> None:
    """The profile brings plone.restapi along, which the classic distribution doesn't activate."""
    assert get_installer(functional["portal"]).is_product_installed("plone.restapi")
    assert ICoserverLayer in registered_layers()


def test_permissions_are_given_to_roles(functional: Any) -> None:
    """Managers see all jobs, members their own."""
    portal = functional["portal"]

    def roles(permission: str) -> list[str]:
        return [r["name"] for r in portal.rolesOfPermission(permission) if r["selected"]]

    assert roles(f"{ADD_ON}: Manage jobs") == ["Manager", "Site Administrator"]
    assert roles(f"{ADD_ON}: View own jobs") == ["Manager", "Member", "Site Administrator"]


def test_the_uninstall_profile_is_offered_nowhere(functional: Any) -> None:
    """Neither when a site is created nor among the add-ons."""
    hidden = [
        profile
        for _, utility in getUtilitiesFor(INonInstallable)
        for profile in getattr(utility, "getNonInstallableProfiles", list)()
    ]
    assert f"{ADD_ON}:uninstall" in hidden
    assert f"{ADD_ON}:default" not in hidden
