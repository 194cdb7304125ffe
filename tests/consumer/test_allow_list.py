"""Which addresses the ``http`` task may call."""

from __future__ import annotations

import pytest

from coserver_consumer.errors import ConfigurationError, InvalidJob
from coserver_consumer.tasks.allow_list import AllowList

LIST = AllowList(["api.example.com", "127.0.0.1:8000", "https://hooks.example.com/v1/", "[::1]:80"])


@pytest.mark.parametrize(
    "address",
    [
        "http://api.example.com",
        "https://api.example.com/",
        "https://API.example.com:443/a?b=c#d",
        "http://127.0.0.1:8000/x",
        "https://127.0.0.1:8000/x",
        "https://hooks.example.com/v1",
        "https://hooks.example.com/v1?x",
        "https://hooks.example.com/v1/a",
        "http://[::1]/",
    ],
)
def test_an_address_below_an_entry_is_allowed(address):
    """A host on its usual ports, a host with a port, or the beginning of a URL."""
    assert LIST.check(address)


@pytest.mark.parametrize(
    "address",
    [
        "http://evil.example/",
        "http://api.example.com:8080/",
        "http://api.example.com.evil.example/",
        "http://127.0.0.1/",
        "http://127.0.0.1:80000/",
        "http://2130706433:8000/",
        "http://hooks.example.com/v1/",
        "https://hooks.example.com/v10",
        "https://hooks.example.com/",
        "https://hooks.example.com/v1/../v2",
        "https://hooks.example.com/v1/%2e%2e/v2",
        "https://hooks.example.com/v1/%252e%252e/v2",
        "https://hooks.example.com/v1/..%2fv2",
        "https://hooks.example.com/v1\\..\\v2",
        "http://api.example.com@evil.example/",
        "http://user:password@api.example.com/",
        "http://evil.example\\@api.example.com/",
        "http://evil.example#@api.example.com/",
        "http://evil.example?@api.example.com/",
        "ftp://api.example.com/",
        "file:///etc/passwd",
        "//api.example.com/",
        "api.example.com",
        "http:///x",
        "",
    ],
)
def test_every_other_address_is_refused(address):
    """Also those that two parsers might read as two addresses."""
    with pytest.raises(InvalidJob):
        LIST.check(address)


def test_a_refusal_names_the_address_and_the_setting():
    """But not its query, which may hold what nobody should read."""
    with pytest.raises(InvalidJob) as error:
        LIST.check("http://evil.example/path?key=hunter2")
    assert "http://evil.example/path" in str(error.value)
    assert "http_allow: api.example.com" in str(error.value)
    assert "hunter2" not in str(error.value)


def test_an_empty_list_allows_nothing():
    """That is the default."""
    with pytest.raises(InvalidJob, match="http_allow: nothing"):
        AllowList([]).check("http://127.0.0.1/")


@pytest.mark.parametrize("entry", ["", "ftp://a", "http://u@a", "a/path", "http://a?b", "a:b"])
def test_an_entry_that_says_nothing_clear_is_refused(entry):
    """An entry that never matches, or matches too much, must be seen at the start."""
    with pytest.raises(ConfigurationError, match="http_allow"):
        AllowList([entry])
