"""For tests of add-ons: layers, a fixture, and a consumer in the test's process."""

from typing import Any


def __getattr__(name: str) -> Any:
    """Import a layer when it is asked for, so that the plugin with the fixture loads no Zope."""
    if name not in ("COSERVER_FIXTURE", "COSERVER_FUNCTIONAL_TESTING", "CoserverLayer"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from collective.coserver.testing import layers

    return getattr(layers, name)
