"""A program with a key queues jobs that run in Zope."""

from __future__ import annotations

import re
import time
from datetime import UTC, date, datetime

import pytest

from coserver_consumer import Client
from coserver_consumer.errors import InvalidJob, InvalidKey
from coserver_consumer.model.job import new_id
from coserver_consumer.protocol.codec import decode
from coserver_consumer.protocol.grant import make_grant
from coserver_consumer.protocol.key import make_key, verify
from coserver_consumer.protocol.known_key import KnownKey, seal_grant

SECRET = "0123456789abcdef0123456789abcdef"
GRANT = make_grant(
    id=new_id(),
    name="sync",
    owner="bot",
    site="/Plone",
    tasks=("call:my.addon.tasks.sync", "view:/Plone/@@import"),
    expires=int(datetime(2090, 1, 1, tzinfo=UTC).timestamp()),
)
KNOWN = KnownKey(grant=GRANT, seal=seal_grant(GRANT, SECRET), revoked_at=None, now=int(time.time()))


@pytest.fixture
def program(database_url):
    """A client with the key."""
    with Client(database_url, key=make_key(GRANT, SECRET).as_text()) as client:
        yield client


def test_its_calls_are_signed(program):
    """With values that JSON doesn't know, as a function in Zope is queued."""
    args = {"function": "my.addon.tasks.sync", "args": [date(2030, 1, 2)], "kwargs": {"a": (1,)}}
    job = program.get(program.add("call", args, max_attempts=2))
    verify(job, KNOWN, SECRET)
    assert (job.owner, job.site, job.title) == ("bot", "/Plone", "my.addon.tasks.sync")
    assert decode(job.args["args"]) == [date(2030, 1, 2)]
    assert decode(job.args["kwargs"]) == {"a": (1,)}


def test_its_views_and_workflows_are_signed(program):
    """Whichever method queues them, also for later and by their shortest description."""
    view = {"path": "/Plone/@@import", "params": {"feed": "4"}}
    first = program.job("view", view, eta=datetime(2030, 1, 1, tzinfo=UTC))
    second = program.job("call", {"function": "my.addon.tasks.sync"}, title="Sync")
    jobs = [program.get(job_id) for job_id in program.chain([first, second])]
    for job in [*jobs, program.get(program.add_many("view", [view])[0])]:
        verify(job, KNOWN, SECRET)
    assert [job.title for job in jobs] == ["/Plone/@@import", "Sync"]


def test_what_runs_outside_of_zope_needs_no_key(program):
    """It stays nobody's job."""
    job = program.get(program.add("mail.send", {"to": "a"}))
    assert (job.owner, job.signature) == (None, None)


@pytest.mark.parametrize(
    ("task", "args"),
    [
        ("call", {"function": "my.addon.tasks.delete"}),
        ("call", {"function": "my.addon.tasks.sync", "run_as": "system"}),
        ("call", {"function": "my.addon.tasks.sync", "args": "abc"}),
        ("call", {"function": "my.addon.tasks.sync", "args": [object()]}),
        ("view", {"path": "/Plone/@@delete"}),
        ("xmlrpc", {"path": "/Plone", "method": "delete"}),
    ],
)
def test_what_the_key_doesnt_allow_isnt_queued(program, task, args):
    """The program is told at once, not by a job that fails."""
    with pytest.raises(InvalidJob):
        program.add(task, args)


HOLDS_ITSELF: dict[str, object] = {}
HOLDS_ITSELF["a"] = HOLDS_ITSELF


NOT_JSON = [
    ("call", {"args": [{1: "a"}]}, r"args[0] has the key 1; keys must be text"),
    ("call", {"kwargs": {1: "a", "b": 2}}, "kwargs has the key 1; keys must be text"),
    ("call", {"function": object()}, "args['function'] is of type builtins.object"),
    ("call", {"content": {10: 1, 9: 1}}, "args['content'] has the key 10, and keys are text"),
    ("view", {"params": {1: "a"}}, "args['params'] has the key 1, and keys are text"),
    ("view", {"params": {"a": [date(2030, 1, 2)]}}, "args['params']['a'][0] is of type"),
    ("view", {"params": {"a": float("nan")}}, "args['params']['a'] is nan"),
    ("view", {"params": HOLDS_ITSELF}, "nested more than 100 deep"),
    ("view", {"params": {"a": 10**5000}}, "more than 4,000 digits"),
    ("view", {"path": "/Plone/\udcff"}, r"doesn't allow view:/Plone/\udcff"),
    ("view", {"path": "/Plone/\n@@import"}, r"doesn't allow view:/Plone/\n@@import"),
]


def test_what_isnt_json_is_refused_where_it_is(program):
    """And not by an error of Python's, nor by a signature that never fits; no title is at fault."""
    known = {"call": {"function": "my.addon.tasks.sync"}, "view": {"path": "/Plone/@@import"}}
    for task, args, said in NOT_JSON:
        with pytest.raises(InvalidJob, match=re.escape(said)):
            program.add(task, known[task] | args)


def test_what_isnt_a_key_is_refused_at_once(database_url):
    """Before anything is queued."""
    with pytest.raises(InvalidKey, match="This isn't a key"):
        Client(database_url, key="secret")
