"""The Zope of a worker's own process, found by its entry point."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from coserver_consumer.errors import ConfigurationError
from coserver_consumer.settings.settings import Settings
from coserver_consumer.zope.in_process import GROUP, NAME, load_in_process
from coserver_consumer.zope.router import Zope
from demo.ports import free_port
from support.http_server import serve
from support.zope_services import ZopeServices

SECRET = "0123456789abcdef0123456789abcdef"
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


def watch(url: str) -> tuple[Zope, list[list[tuple[tuple[str, ...], str]]]]:
    """Return a consumer's own Zope, and what its troubles were whenever they changed."""
    zope, troubles = Zope(replace(SETTINGS, secret=SECRET, zope_url=(url,))), []
    zope.watch(lambda: troubles.append(list(zope.find_troubles())))
    zope.check("consumer")
    return zope, troubles


def test_it_runs_no_jobs_that_a_zope_with_another_secret_queues():
    """They would be taken for forged, and fail for good; the consumer goes on when that is mended.

    What comes back to the same secret is asked at once, since a consumer waits for it.
    """
    with serve(other := ZopeServices(secret=SECRET[::-1])) as server:
        zope, troubles = watch(server.url)
        [[(queues, why)]] = troubles
        assert queues == ("default",)
        assert f"Zope at {server.url}: it has another secret than this consumer" in why
        other.secret = SECRET
        zope.check("consumer")
        assert troubles[1:] == [[]]


def test_it_needs_no_other_zope():
    """Nobody listens there."""
    _, troubles = watch(f"http://127.0.0.1:{free_port()}")
    assert troubles == []
