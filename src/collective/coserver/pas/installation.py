"""Putting the plugin into user folders and taking it out again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from Acquisition import aq_base
from OFS.interfaces import IFolder
from plone.base.interfaces import IPloneSiteRoot

from collective.coserver.pas.plugin import INTERFACES, PLUGIN_ID, JobOwnerPlugin


def install(site: Any) -> None:
    """Let jobs log in the users of the site and those of Zope's root."""
    add_plugin(site.acl_users)
    add_plugin(site.getPhysicalRoot().acl_users)


def uninstall(site: Any) -> None:
    """Take the plugin out of the site, and out of the root if no other site needs it."""
    remove_plugin(site.acl_users)
    root = site.getPhysicalRoot()
    if not any(has_plugin(other.acl_users) for other in find_sites(root)):
        remove_plugin(root.acl_users)


def has_plugin(users: Any) -> bool:
    """True if the user folder has the plugin."""
    return PLUGIN_ID in users.objectIds()


def add_plugin(users: Any) -> None:
    """Add the plugin where it isn't, before the others: those don't know what to make of it."""
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
