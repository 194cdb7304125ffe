"""Putting the plugin into user folders and taking it out again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from Acquisition import aq_base, aq_chain, aq_inner, aq_parent
from OFS.interfaces import IFolder
from plone.base.interfaces import IPloneSiteRoot

from collective.coserver.pas.plugin import INTERFACES, PLUGIN_ID, JobOwnerPlugin


def install(site: Any) -> None:
    """Let jobs log in the users of the site and of every place above it, up to Zope's root."""
    for users in find_user_folders(site):
        add_plugin(users)


def uninstall(site: Any) -> None:
    """Take the plugin out of the site, and from above where no other site needs it."""
    remove_plugin(site.acl_users)
    for users in find_user_folders(site):
        if not any(has_plugin(other.acl_users) for other in find_sites(aq_parent(users))):
            remove_plugin(users)


def find_user_folders(site: Any) -> Iterator[Any]:
    """Yield the user folders with plugins of the site and above it, the site's first."""
    for place in aq_chain(aq_inner(site)):
        users = getattr(aq_base(place), "acl_users", None)
        if hasattr(aq_base(users), "plugins"):
            yield place.acl_users


def is_active(users: Any) -> bool:
    """True if the user folder has the plugin, and it is switched on."""
    plugins = getattr(aq_base(users), "plugins", None)
    return plugins is not None and all(
        PLUGIN_ID in plugins.listPluginIds(interface) for interface in INTERFACES
    )


def has_plugin(users: Any) -> bool:
    """True if the user folder has the plugin."""
    return PLUGIN_ID in users.objectIds()


def add_plugin(users: Any) -> None:
    """Add the plugin, unless it is there, before the others, which don't know a job's request."""
    if has_plugin(users):
        return
    users._setObject(PLUGIN_ID, JobOwnerPlugin(PLUGIN_ID, "Jobs run as their owner"))  # noqa: SLF001
    for interface in INTERFACES:
        users.plugins.activatePlugin(interface, PLUGIN_ID)
        users.plugins.movePluginsTop(interface, [PLUGIN_ID])


def remove_plugin(users: Any) -> None:
    """Remove the plugin; PAS deactivates it."""
    if has_plugin(users):
        users._delObject(PLUGIN_ID)  # noqa: SLF001


def find_sites(folder: Any) -> Iterator[Any]:
    """Yield the Plone sites below a folder of Zope's root."""
    for item in folder.objectValues():
        if IPloneSiteRoot.providedBy(item):
            yield item
        elif IFolder.providedBy(aq_base(item)):
            yield from find_sites(item)
