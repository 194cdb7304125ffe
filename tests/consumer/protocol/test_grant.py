"""What a key lets its program have done."""

from __future__ import annotations

import re

import pytest

from coserver_consumer.errors import InvalidKey
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.protocol.grant import Grant, find_refusal, make_grant

KEY_ID = "01980cf2-53a1-7000-8000-0123456789ab"
CALL = {"function": "my.addon.tasks.sync", "args": [1], "kwargs": {"a": {"b": [None]}}}


def grant(*tasks: str, **changes) -> Grant:
    """Make a grant of these tasks."""
    said = {
        "id": KEY_ID,
        "name": "sync",
        "owner": "bot",
        "site": "/Plone",
        "expires": 2_000_000_000,
    }
    return make_grant(**said | {"tasks": tasks or ("call:my.addon.tasks.sync",)} | changes)


def refuse(granted: Grant, task: str, args, changes=()) -> str | None:
    """Return why the grant doesn't cover a job of its user, in its site."""
    said = {"task": task, "args": args, "owner": "bot", "site": "/Plone"} | dict(changes)
    return find_refusal(granted, NewJob(**{"origin": dict(granted.origin)} | said))


def test_what_is_granted_isnt_refused():
    """Whatever the plain arguments."""
    assert refuse(grant(), "call", CALL) is None
    both = grant("call:a.b", "view:/Plone/@@import")
    view = {"path": "/Plone/@@import", "method": "POST", "params": {"feed:int": "4"}}
    assert refuse(both, "view", view) is None
    assert refuse(both, "call", CALL | {"function": "a.b"}) is None


@pytest.mark.parametrize(
    "change",
    [
        {"owner": "admin"},
        {"owner": None},
        {"site": "/Other"},
        {"site": None},
        {"origin": {"user_folder": "/acl_users"}},
        {"origin": None},
        {"payload": b"a"},
        {"task": "xmlrpc"},
        {"task": "view"},
        {"args": []},
        {"args": CALL | {"function": "my.addon.tasks.delete"}},
        {"args": CALL | {"function": ["my.addon.tasks.sync"]}},
        {"args": CALL | {"run_as": "system"}},
        {"args": CALL | {"content": {"uid": "1", "path": "/Plone/secret"}}},
        {"args": CALL | {"args": {}}},
        {"args": CALL | {"args": [{"$": "content", "value": {"uid": "1", "path": "/"}}]}},
        {"args": CALL | {"kwargs": {"a": [{"$": "dict", "value": [["b", {"$": "content"}]]}]}}},
        {"args": CALL | {"kwargs": {"a": {"$": ["list"]}}}},
    ],
)
def test_nothing_else_is(change):
    """Not another user, site, task or function, nor what would take other rights or objects."""
    refusal = refuse(grant(), "call", CALL, change)
    assert refusal is not None
    assert refusal.endswith(".")


@pytest.mark.parametrize(
    "path",
    [
        "/Plone/@@delete",
        "/Plone/@@import2",
        "/Plone/@@import/manage_delObjects",
        "/Plone/@@import/",
        "/Plone/@@import?a=1",
        "/Plone//@@import",
        "/Plone/./@@import",
        "/Plone/x/../@@import",
        "/Plone/%2e%2e/@@import",
        "/Plone/%252e/@@import",
        "/Plone/@@import%2fmore",
        "/Plone/@@import%00",
        "/Plone/@@import%ff",
        "/Plone/@@import;a",
        "/VirtualHostBase/http/evil:80/Plone/@@import",
        "Plone/@@import",
        "//Plone/@@import",
        "",
        None,
        7,
    ],
)
def test_a_view_is_granted_to_the_letter(path):
    """Whatever a server might make of the path."""
    granted = grant("view:/Plone/@@import")
    assert refuse(granted, "view", {"path": path}) is not None
    assert refuse(granted, "view", {"path": "/Plone/%40@import"}) is None


@pytest.mark.parametrize(
    ("path", "is_covered"),
    [
        ("/Plone/news/a/@@b", True),
        ("/Plone/news/a", True),
        ("/Plone/news", False),
        ("/Plone/newspaper/a", False),
        ("/Plone/news/../secret", False),
        ("/Plone/news/%2e%2e/secret", False),
        ("/Plone/news/%252e%252e/secret", False),
        ("/Plone/news/VirtualHostRoot/a", False),
        ("/Plone/news/_vh_a/b", False),
    ],
)
def test_a_star_grants_what_is_below(path, is_covered):
    """And nothing that only begins like it."""
    assert (refuse(grant("view:/Plone/news/*"), "view", {"path": path}) is None) is is_covered


@pytest.mark.parametrize(
    "more",
    [
        {"method": "DELETE"},
        {"method": "PUT"},
        {"headers": {"Accept": "application/json"}},
        {"content": {"uid": "1", "path": "/Plone/secret"}},
        {"params": {"manage_delObjects:method": "1"}},
        {"params": {"a": "1", ":action": "delete"}},
        {"params": {"x:default_method": "delete"}},
        {"params": {"x:METHOD.x": "1"}},
        {"params": [["a", "b"]]},
    ],
)
def test_a_view_is_asked_for_by_parameters_only(more):
    """Zope takes some of their names for a step of the path, some methods for another view."""
    granted = grant("view:/Plone/@@import")
    assert refuse(granted, "view", {"path": "/Plone/@@import"} | more) is not None


@pytest.mark.parametrize(
    "change",
    [
        {"tasks": ()},
        {"tasks": ("http",)},
        {"tasks": ("call:sync",)},
        {"tasks": ("call:my.addon.*",)},
        {"tasks": ("view:/Other/@@x",)},
        {"tasks": ("view:/Plone2/@@x",)},
        {"tasks": ("view:/Plone/../@@x",)},
        {"tasks": ("view:/Plone/@@x?a=1",)},
        {"tasks": ("view:/*",)},
        {"site": "Plone"},
        {"site": "/Plone/"},
        {"owner": ""},
        {"name": "a\nb"},
        {"name": "a" * 191},
        {"user_folder": "acl_users"},
    ],
)
def test_what_cant_be_granted_is_said(change):
    """When the key is made, not when its first job fails."""
    with pytest.raises(InvalidKey):
        grant(**change)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tasks": ("view:/Plone/*/view",)}, "a star stands for all that is below a path"),
        ({"tasks": ("view:/Plone/news*",)}, "such as view:/Plone/news/*"),
        ({"tasks": ("view:/Plone/*/*",)}, "a star stands for all that is below a path"),
        ({"tasks": ("call:a.class",)}, "'call:a.class' can't be granted"),
        ({"site": "/Pl\none"}, r"'/Pl\none' can't be a key's site"),
        ({"site": "/Plone/*"}, "can't be a key's site"),
        ({"user_folder": "acl_users"}, "such as /Plone/acl_users, or /acl_users for Zope's root"),
    ],
)
def test_it_is_said_what_to_do_instead(change, said):
    """A star in the middle would never fit, and a keyword is no name of a function."""
    with pytest.raises(InvalidKey, match=re.escape(said)):
        grant(**change)


def test_links_begin_as_visitors_see_the_site():
    """If the settings say how; the program has no say in it."""
    made = grant(public_url="https://www.example.com/intra")
    assert made.origin == {
        "user_folder": "/Plone/acl_users",
        "server_url": "https://www.example.com",
        "root": "/Plone",
        "prefix": ["_vh_intra"],
    }
    assert grant(user_folder="/acl_users").origin["user_folder"] == "/acl_users"
