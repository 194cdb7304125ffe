"""What may be said of a job, and what is refused, at every door."""

from __future__ import annotations

import math
import typing
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from coserver_consumer import Client
from coserver_consumer.cli import add as command
from coserver_consumer.errors import InvalidJob
from coserver_consumer.model.options import NAMES, JobOptions, Said, read_options
from coserver_consumer.producer.client import ClientSaid
from coserver_consumer.store.enqueue.validation import MAX_DEPTH

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"priority": "10"}, "priority is '10', wanted a whole number"),
    ({"priority": 1.5}, "priority is 1.5, wanted a whole number"),
    ({"priority": True}, "priority is True"),
    ({"priority": 10**12}, "priority is 1000000000000"),
    ({"delay": math.inf}, "delay is inf, wanted seconds or a timedelta"),
    ({"delay": math.nan}, "delay is nan"),
    ({"delay": 1e12}, "delay is 1000000000000.0"),
    ({"delay": "60"}, "delay is '60'"),
    ({"delay": timedelta.max}, "delay is datetime.timedelta"),
    ({"eta": "2030-01-01"}, "eta is '2030-01-01', wanted a datetime"),
    ({"eta": datetime(2030, 1, 1)}, "no time zone"),  # noqa: DTZ001
    ({"eta": datetime.max.replace(tzinfo=timezone(-timedelta(hours=5)))}, "between the years"),
    ({"eta": datetime.min.replace(tzinfo=timezone(timedelta(hours=5)))}, "between the years"),
    ({"eta": NOON, "delay": 1}, "not both"),
    ({"max_attempts": 10**12}, "max_attempts is 1000000000000"),
    ({"max_attempts": 0}, "max_attempts is 0, wanted a whole number from 1"),
    ({"max_attempts": "5"}, "max_attempts is '5'"),
    ({"timeout": "10"}, "timeout is '10'"),
    ({"timeout": math.nan}, "timeout is nan"),
    ({"timeout": 1e300}, r"timeout is 1e\+300"),
    ({"timeout": 0}, "timeout is 0, wanted seconds or a timedelta, more than 0"),
    ({"unique": 42}, "unique is 42, wanted text"),
    ({"unique_for": 60}, "with a unique key"),
    ({"unique": "a", "unique_for": -1}, "0 or more"),
    ({"limit": 1}, "limit is 1, wanted text"),
    ({"title": b"x"}, "title is b'x', wanted text"),
    ({"queue": 1}, "queue is 1, wanted text"),
    ({"requires": "ffmpeg"}, r"requires is a list, such as \['ffmpeg'\]"),
    ({"requires": [1]}, r"requires is \[1\], wanted a list of texts"),
    ({"after": 7}, "after is 7, wanted a list"),
    ({"accepts_failure": "no"}, "accepts_failure is 'no'"),
    ({"prioritty": 1}, "No option is called 'prioritty'; known are: queue, priority"),
]


@pytest.mark.parametrize(("said", "reason"), WRONG, ids=str)
def test_what_is_wrong_is_refused_with_its_name_and_what_is_wanted(said: dict, reason: str):
    """Before it comes near a database."""
    with pytest.raises(InvalidJob, match=reason):
        read_options(said)


@pytest.mark.parametrize(("said", "reason"), WRONG, ids=str)
def test_the_client_refuses_the_same(client: Client, said: dict, reason: str):
    """For one job and for many."""
    with pytest.raises(InvalidJob, match=reason):
        client.add("x", **said)
    with pytest.raises(InvalidJob, match=reason):
        client.add_many("x", [{}, {}], **said)


@pytest.mark.parametrize(
    ("said", "name", "value"),
    [
        ({"delay": timedelta(minutes=2)}, "delay", 120),
        ({"timeout": timedelta(hours=1)}, "timeout", 3600),
        ({"unique": "a", "unique_for": timedelta(days=1)}, "unique_for", 86_400),
        ({"delay": -5}, "delay", -5),
        ({"requires": (name for name in ["a", "b"])}, "requires", ("a", "b")),
        ({"eta": NOON}, "eta", NOON),
    ],
)
def test_what_is_meant_is_taken(said: dict, name: str, value: Any):
    """Numbers of seconds as a ``timedelta``, lists as whatever can be gone through."""
    assert getattr(read_options(said), name) == value


def test_none_is_not_said():
    """So that a caller can hand on what it was given, whether or not it was given."""
    assert read_options(dict.fromkeys(NAMES)) == JobOptions()


def test_a_later_word_goes_before_an_earlier():
    """And a moment takes the place of a delay."""
    said = JobOptions(delay=60, priority=3)
    assert said.change(priority=None) == JobOptions(delay=60)
    assert said.change(eta=NOON) == JobOptions(eta=NOON, priority=3)
    assert said.change(eta=NOON).change(delay=5) == JobOptions(delay=5, priority=3)
    with pytest.raises(InvalidJob, match="not both"):
        said.change(eta=NOON, delay=5)


def test_every_door_has_every_option():
    """Those that have to spell the options out spell them alike."""
    assert set(typing.get_type_hints(Said)) == set(NAMES)
    assert set(typing.get_type_hints(ClientSaid)) == {*NAMES, "payload"}
    flags = {parameter.name for parameter in command.add.params}
    assert set(NAMES) <= flags


def test_arguments_may_not_be_nested_without_end(client: Client):
    """Whoever reads them again would come to the end of the stack."""
    deep: Any = "x"
    for _ in range(MAX_DEPTH):
        deep = [deep]
    for _ in range(100_000):
        too_deep = deep = {"deeper": deep}
    with pytest.raises(InvalidJob, match=f"nested more than {MAX_DEPTH} deep"):
        client.add("x", {"deep": too_deep})


def test_arguments_may_be_nested_as_deep_as_is_said(client: Client):
    """The mapping of the arguments itself is one."""
    deep: Any = "x"
    for _ in range(MAX_DEPTH - 1):
        deep = [deep]
    assert client.get(client.add("x", {"deep": deep})).args == {"deep": deep}
    with pytest.raises(InvalidJob, match="nested"):
        client.add("x", {"deep": [deep]})


def test_many_lists_beside_each_other_are_not_deep(client: Client):
    """Only those in each other count."""
    args = {"pairs": [[1, 2]] * 500}
    assert client.get(client.add("x", args)).args == args
