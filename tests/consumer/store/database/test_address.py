"""Addresses of databases."""

from __future__ import annotations

import re
import warnings

import pytest

from coserver_consumer import store
from coserver_consumer.errors import ConfigurationError


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite:///q?foo=1", "foo is none that SQLite knows; those are cached_statements, check"),
        ("sqlite+pysqlite:///q?foo=1", "foo is none that SQLite knows"),
        ("sqlite:///file:/q?foo=1&uri=true", "foo is none that SQLite knows; those are cache,"),
        ("sqlite:///q?mode=ro", "only heeded in sqlite:///file:/path/to/queue.sqlite?mode=..."),
        ("sqlite:///q?timeout=1&timeout=2", "timeout is given twice"),
        ("sqlite://queue.sqlite", "names a host, and SQLite has a file"),
        ("sqlite://queue:hunter2@db/queue", "names a host, and SQLite has a file"),
    ],
)
def test_what_sqlite_doesnt_know_is_refused_by_its_name(url, said):
    """It would be ignored, and the queue be another than was meant."""
    with pytest.raises(ConfigurationError, match=re.escape(said)) as error:
        store.open_engine(url)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///q?timeout=5&cached_statements=9",
        "sqlite:///file:/q?mode=rw&cache=private&uri=true",
        "sqlite:///file:/q?vfs=mine&what_it_knows=1&uri=true",
    ],
)
def test_what_a_driver_knows_is_handed_to_it(url):
    """Without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        store.open_engine(url).dispose()
