"""The consumer of collective.coserver and the client for programs that aren't Zope.

Pure Python: nothing here imports Zope, Plone or ZODB. Its folders from the top down: ``cli``,
``processes``, ``maintenance``, ``worker`` and ``diagnosis``, ``tasks``, ``zope``, ``runtime`` and
``producer``, ``store``, ``settings`` and ``protocol``, ``model``. Public are ``Client``,
``errors`` and ``retry``.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from coserver_consumer.client import Client

__all__ = ["Client"]


def __getattr__(name: str) -> Any:
    """Import ``Client`` when it is asked for: it brings SQLAlchemy, which not everybody needs."""
    if name != "Client":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from coserver_consumer.client import Client

    return Client
