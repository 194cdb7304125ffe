"""What Zope says at its start."""

from __future__ import annotations

from typing import Any

import pytest
from App.config import getConfiguration
from zope.component import getGlobalSiteManager
from zope.processlifetime import IDatabaseOpenedWithRoot

from collective.coserver.database.settings import get_settings
from collective.coserver.startup.settings_check import check_settings
from coserver_consumer.errors import ConfigurationError
from tests.plone.instance import forget_settings


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({}, "as database in <product-config collective.coserver> of zope.conf"),
        (
            {"databse": "sqlite:///queue.sqlite"},
            "Unknown setting 'databse' in <product-config collective.coserver> of zope.conf",
        ),
        ({"database": "sqlite:////nonexistent/queue.sqlite"}, None),
    ],
)
def test_zope_says_what_keeps_it_from_queuing(
    environment: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    said: dict[str, str],
    words: str | None,
) -> None:
    """In zope.conf's words; a database that is down, or not there yet, is no matter of settings."""
    environment.delenv("COSERVER_DATABASE", raising=False)
    set_section(environment, said)
    check_settings(None)
    assert (words is None) is (caplog.text == "")
    if words:
        assert words in caplog.text
        with pytest.raises(ConfigurationError, match="product-config"):
            get_settings()


def test_a_missing_secret_is_told_as_well(
    environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """No job could be signed."""
    environment.delenv("COSERVER_SECRET")
    set_section(environment, {"database": "sqlite:///queue.sqlite"})
    check_settings(None)
    assert "Setting 'secret' is missing" in caplog.text


def set_section(environment: pytest.MonkeyPatch, said: dict[str, str]) -> None:
    """Let zope.conf say that."""
    sections = {"collective.coserver": said}
    environment.setattr(getConfiguration(), "product_config", sections, raising=False)
    forget_settings()


def test_it_is_said_when_the_database_is_open(functional: Any) -> None:
    """Which Zope tells once, when all packages are loaded."""
    handlers = {each.handler: each.required for each in getGlobalSiteManager().registeredHandlers()}
    assert handlers[check_settings] == (IDatabaseOpenedWithRoot,)
