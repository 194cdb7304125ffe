"""Which addresses the ``http`` task may call."""

from __future__ import annotations

import posixpath
import unicodedata
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coserver_consumer.errors import InvalidJob
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
        "http://api.example.com/caf%e9/voil%e0",
        "https://hooks.example.com/v1/caf%C3%A9/a%20b%2Fc;v=2",
        "https://hooks.example.com/v1/.well-known/a..b/...c",
        "https://hooks.example.com/v1/100%25/100%2525",
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
        "https://hooks.example.com/v1/..;/v2",
        "https://hooks.example.com/v1/..;a=b/v2",
        "https://hooks.example.com/v1/..%3b/v2",
        "https://hooks.example.com/v1/..%00/v2",
        "https://hooks.example.com/v1/..%00.html",
        "https://hooks.example.com/v1/..%20/v2",
        "https://hooks.example.com/v1/%20../v2",
        "https://hooks.example.com/v1/.%09./v2",
        "https://hooks.example.com/v1/..%23/v2",
        "https://hooks.example.com/v1/%25252e%25252e/v2",
        "https://hooks.example.com/v1/%2525252e%2525252e%2525252fv2",
        "https://hooks.example.com/v1/%c0%ae%c0%ae/v2",
        "https://hooks.example.com/v1/%ef%bc%8e%ef%bc%8e/v2",
        "https://hooks.example.com/v1/%" + "25" * 40 + "2e./v2",
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


@pytest.mark.parametrize(
    "entry", ["", "ftp://a", "http://u@a", "a/path", "http://a?b", "a:b", "*", "*.example.com"]
)
def test_an_entry_that_says_nothing_clear_is_refused(entry):
    """One that never matches, or matches too much, must be seen at the start."""
    with pytest.raises(ValueError, match="hosts"):
        AllowList([entry])


DOTS = ["..", "...", ". .", "%2e.", "%252e%2e", "%25252e%25252e", "%C0%AE%C0%AE", "\uff0e.", "a"]
JUNK = ["", ";", ";a=b", "%3b", "%00", "%00a", "%2500", "%20", " ", "%09", "?", "%3f", "%23", "%"]
ENDS = ["/", "//", "%2f", "%252f", "%25252f", "\\", "%5c", "/./", ""]
STEPS = st.tuples(*[st.sampled_from(pieces) for pieces in (JUNK, DOTS, JUNK, ENDS)]).map("".join)
NAMES = st.characters(categories=["L", "N", "S", "P"], exclude_characters="/\\;?#%").filter(
    lambda letter: "." not in unicodedata.normalize("NFKC", letter)
)
SPOILT = str.maketrans("", "", " \t")


def places(path):
    """Yield where servers of all kinds might look for a path, cut after a NUL, a ? or a # or not.

    They decode it any number of times, take a backslash for a slash, drop what stands behind a
    semicolon and what isn't seen.
    """
    for _ in range(6):
        plain = path.replace("\\", "/").translate(SPOILT)
        bare = "/".join(step.partition(";")[0] for step in plain.split("/"))
        for read in (path, plain, bare):
            yield posixpath.normpath(read)
            for mark in "\0?#":
                yield posixpath.normpath(read.partition(mark)[0])
        path = unquote(path)


@given(st.lists(STEPS, max_size=4).map("".join))
def test_no_server_reads_an_allowed_path_as_one_beside_its_entry(below):
    """However often it decodes the path, and whatever it drops of it."""
    try:
        url = LIST.check(f"https://hooks.example.com/v1/{below}")
    except InvalidJob:
        return
    assert all(f"{place}/".startswith("/v1/") for place in places(url.path))


@given(st.lists(st.text(NAMES, min_size=1), min_size=1))
def test_any_name_is_allowed_that_is_not_dots_alone(names):
    """Once quoted, with all that Unicode has."""
    path = "/".join(quote(name, safe="") for name in names)
    assert LIST.check(f"https://hooks.example.com/v1/{path}")
