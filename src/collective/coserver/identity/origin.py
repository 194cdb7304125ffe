"""Where a job comes from: what its own request takes over from the one that queued it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

from collective.coserver.database.settings import get_settings
from collective.coserver.identity.owner import Owner
from collective.coserver.identity.sent_request import is_sent
from collective.coserver.identity.site import site_path
from coserver_consumer.protocol.request import HIDDEN, public_host


def to_origin(owner: Owner, *, site: Any, request: Any) -> dict[str, Any]:
    """Return the origin as JSON: user folder, language, virtual host and skin.

    In a script, where nobody has sent a request, the job's links begin with the setting
    ``public_url``, or with the address at which its consumer reaches Zope.
    """
    return {
        "user_folder": owner.folder,
        "language": None if request is None else request.get("LANGUAGE"),
        "skin": None if site is None else site.getCurrentSkinName(),
        **(_virtual_host(request) if is_sent(request) else _find_public_host(site)),
    }


def restore_virtual_root(origin: Mapping[str, Any], request: Any) -> None:
    """Have the request build links as the queuing one did, wherever the path that it took began.

    A function's job, and a view above the virtual root, are reached from Zope's root.
    """
    if origin.get("server_url"):
        request["VirtualRootPhysicalPath"] = tuple((origin.get("root") or "").split("/"))
        names = origin.get("prefix") or ()
        request._script[:] = [quote(name.removeprefix(HIDDEN)) for name in names]  # noqa: SLF001


def _virtual_host(request: Any) -> dict[str, Any]:
    return {
        "server_url": request["SERVER_URL"],
        "root": "/".join(request.get("VirtualRootPhysicalPath", ("",))),
        "prefix": [f"{HIDDEN}{name}" for name in _prefix(request)],
    }


def _find_public_host(site: Any) -> dict[str, Any]:
    """Return the host that the settings name, whose root is the site."""
    return public_host(get_settings().public_url, site_path(site))


def _prefix(request: Any) -> list[str]:
    """Return the path elements that the visitor sees before the virtual root."""
    return [unquote(name) for name in request.getVirtualRoot().split("/") if name]
