"""For tests of add-ons: layers, a fixture, and a consumer in the test's process."""

from typing import Any

LAYERS = {
    "COSERVER_FIXTURE",
    "COSERVER_FUNCTIONAL_TESTING",
    "COSERVER_QUEUE_FIXTURE",
    "CoserverLayer",
    "CoserverQueueLayer",
}


def __getattr__(name: str) -> Any:
    """Import a layer when it is asked for, so that the plugin with the fixture loads no Zope."""
    if name not in LAYERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from collective.coserver.testing import layers

    return getattr(layers, name)
