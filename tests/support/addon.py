"""The add-on in this process, on a queue of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import transaction

from collective.coserver.database import engine as addon_engine
from collective.coserver.database.settings import get_settings

SECRET = "what Zope and its consumers share in tests"


def forget_settings() -> None:
    """Let the process read its settings and open its engine anew."""
    get_settings.cache_clear()
    addon_engine._open.cache_clear()


@contextmanager
def use_database(url: str, environment: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the add-on use this queue."""
    environment.setenv("COSERVER_DATABASE", url)
    environment.setenv("COSERVER_SECRET", SECRET)
    forget_settings()
    yield
    transaction.abort()
    addon_engine.get_engine().dispose()
    forget_settings()
