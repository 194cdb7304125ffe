"""The Zope of a worker's own process, found by its entry point."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from coserver_consumer.errors import ConfigurationError
from coserver_consumer.settings.settings import Settings
from coserver_consumer.zope.in_process import GROUP, NAME, load_in_process

SETTINGS = Settings(database="sqlite:///x", zope_conf=Path("zope.conf"))


def test_the_add_on_brings_it():
    """To make one starts no Zope yet, which takes long."""
    transport = load_in_process(SETTINGS, Path("zope.conf"))
    assert transport.trouble is None


def test_a_consumer_without_it_says_what_to_install():
    """An installation may be older than the entry point."""
    with pytest.raises(ConfigurationError, match=r"needs a plugin 'zodb' .* none is installed"):
        load_in_process(SETTINGS, Path("zope.conf"), [])


def test_one_that_cannot_be_loaded_is_named():
    """Whoever starts the consumer reads which one, and why."""
    broken = EntryPoint(name=NAME, value="nowhere.transport:Transport", group=GROUP)
    with pytest.raises(ConfigurationError, match=r"nowhere\.transport:Transport.*No module named"):
        load_in_process(SETTINGS, Path("zope.conf"), [broken])
