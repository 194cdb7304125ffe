"""Zope's settings: those of the consumers, from the environment or from zope.conf."""

from __future__ import annotations

from functools import cache
from typing import Any

from App.config import getConfiguration

from collective.coserver.database.saconfig import find_registered_engine
from coserver_consumer.settings.loading import load_zope_settings
from coserver_consumer.settings.settings import Settings

SECTION = "collective.coserver"  # <product-config collective.coserver>

_given: list[Settings] = []


def use_settings(settings: Settings) -> None:
    """Have this process use these settings, whatever zope.conf and the environment say.

    For a Zope in a consumer: its jobs were claimed from the consumer's database.
    """
    _given[:] = [settings]
    get_settings.cache_clear()


@cache
def get_settings() -> Settings:
    """Return the settings of this process, read once; raise ``ConfigurationError``.

    What zope.conf says outweighs the environment. An engine that z3c.saconfig has registered
    outweighs the setting ``database``.
    """
    if _given:
        return _given[0]
    said = product_config()
    engine = find_registered_engine()
    if engine is not None:
        said["database"] = engine.url.render_as_string(hide_password=False)
    return load_zope_settings(said)


def product_config() -> dict[str, Any]:
    """Return what zope.conf says in its section."""
    sections = getattr(getConfiguration(), "product_config", None) or {}
    return dict(sections.get(SECTION) or {})
