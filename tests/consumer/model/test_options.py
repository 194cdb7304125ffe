"""What may be said of a job, and what is refused, at every door."""

from __future__ import annotations

import math
import typing
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine

from coserver_consumer import Client, store
from coserver_consumer.errors import InvalidJob
from coserver_consumer.model.job import State
from coserver_consumer.model.options import NAMES, JobOptions, Options, read_options
from coserver_consumer.model.value_types import Key, Names, Text
from coserver_consumer.producer.keywords import ClientOptions
from coserver_consumer.protocol.json_values import MAX_DEPTH
from coserver_consumer.retry import PLAIN
from coserver_consumer.store import manage
from coserver_consumer.store.schema import tables
from support.every_option import NOON, is_tried_again, read_back, say_all

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
    ({"expires": "10m"}, "expires is '10m', wanted a datetime with a time zone, or seconds"),
    ({"expires": datetime(2030, 1, 1)}, "no time zone"),  # noqa: DTZ001
    ({"expires": 0}, "expires is 0, wanted seconds or a timedelta, more than 0"),
    ({"expires": True}, "expires is True"),
    ({"expires": math.nan}, "expires is nan"),
    ({"expires": 60, "delay": 60}, "expires is 60 s, when the job isn't due yet .its delay is 60"),
    ({"expires": NOON, "eta": NOON}, "its eta is 2030-01-01T12:00:00.00:00.* let it expire later"),
    ({"max_attempts": 10**12}, "max_attempts is 1000000000000"),
    ({"max_attempts": 0}, "max_attempts is 0, wanted a whole number from 1"),
    ({"max_attempts": "5"}, "max_attempts is '5'"),
    ({"timeout": "10"}, "timeout is '10'"),
    ({"timeout": math.nan}, "timeout is nan"),
    ({"timeout": 1e300}, r"timeout is 1e\+300"),
    ({"timeout": 0}, "timeout is 0, wanted seconds or a timedelta, more than 0"),
    ({"unique": 42}, "unique is 42, wanted text"),
    ({"unique_for": 60}, "with a unique key"),
    ({"unique": "a", "unique_for": -1}, "unique_for is -1, wanted seconds .* from 0 to"),
    ({"limit": 1}, "limit is 1, wanted text"),
    ({"title": b"x"}, "title is b'x', wanted text"),
    ({"queue": 1}, "queue is 1, wanted text"),
    ({"requires": "ffmpeg"}, r"requires is a list, such as \['ffmpeg'\]"),
    ({"requires": [1]}, r"requires is \[1\], wanted a list of texts"),
    ({"requires": [""]}, "requires has '', wanted names, without commas"),
    ({"requires": ["a,b"]}, "requires has 'a,b', wanted names, without commas"),
    ({"requires": ["a", " b"]}, "requires has ' b', wanted names, .* not beginning or ending"),
    ({"limit": ""}, "limit is empty: give a key, or leave it out"),
    ({"after": 7}, "after is 7, wanted a list"),
    ({"accepts_failure": "no"}, "accepts_failure is 'no'"),
    ({"on_success": "a"}, r"on_success is 'a', wanted what job\(...\) returns"),
    ({"on_failure": [1]}, r"on_failure is \[1\], wanted what job\(...\) returns"),
    ({"id": "42"}, r"id is '42', wanted a UUID as text, such as str\(uuid.uuid4\(\)\)"),
    ({"id": UUID("01980cf2-53a1-4000-8000-0123456789ab")}, r"id is UUID\(.*wanted a UUID as text"),
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
        ({"expires": NOON, "eta": NOON - timedelta(hours=1)}, "expires", NOON),
        ({"expires": timedelta(minutes=2), "delay": 119}, "expires", 120),
        ({"expires": 60, "eta": NOON}, "expires", 60),
        (
            {"expires": datetime(2020, 1, 1, tzinfo=UTC)},
            "expires",
            datetime(2020, 1, 1, tzinfo=UTC),
        ),
    ],
)
def test_what_is_meant_is_taken(said: dict, name: str, value: Any):
    """Numbers of seconds as a ``timedelta``, lists as whatever can be gone through."""
    assert getattr(read_options(said), name) == value


def test_an_id_is_kept_as_the_tables_have_it():
    """Whichever letters it was given in."""
    assert read_options({"id": "0192F0C1-4B5A-7000-8000-00000000ABCD"}).id == (
        "0192f0c1-4b5a-7000-8000-00000000abcd"
    )


def test_none_is_not_said():
    """So that a caller can hand on what it was given, whether or not it was given."""
    assert read_options(dict.fromkeys(NAMES)) == JobOptions()


def test_a_later_word_goes_before_an_earlier():
    """And a moment takes the place of a delay."""
    said = JobOptions(delay=60, priority=3)
    assert said.change(priority=None) == JobOptions(delay=60)
    assert said.change(eta=NOON) == JobOptions(eta=NOON, priority=3)
    assert said.change(eta=NOON).change(delay=5) == JobOptions(delay=5, priority=3)
    assert said.change(eta=NOON).change(delay=0) == JobOptions(priority=3)
    with pytest.raises(InvalidJob, match="not both"):
        said.change(eta=NOON, delay=5)


def test_when_it_expires_is_reckoned_from_when_it_is_queued():
    """As the store has it; a moment is what it is."""
    assert JobOptions(expires=60).find_expiry(10**15) == 10**15 + 60_000_000
    assert JobOptions(expires=NOON).find_expiry(10**15) == NOON.timestamp() * 1_000_000
    assert JobOptions().find_expiry(10**15) is None
    assert JobOptions(expires=60).change(expires=None).find_expiry(10**15) is None
    with pytest.raises(InvalidJob, match="isn't due yet"):
        JobOptions(expires=60).change(delay=3600)


def to_flags(said: dict[str, Any]) -> list[str]:
    """Return the options as one types them."""
    flags: list[str] = []
    for name, value in said.items():
        flag = f"--{name.replace('_', '-')}"
        for each in value if isinstance(value, tuple) else [value]:
            flags += [flag] if each is True else [flag, str(each)]
    return flags


def type_it(engine: Engine, call: Any, said: dict[str, Any]) -> str:
    """Queue a job at the command line; return its id."""
    url = engine.url.render_as_string(hide_password=False)
    done = call(url, "add", "x", "--unknown-task-ok", *to_flags(said))
    assert done.exit_code == 0, done.stderr
    return done.stdout.strip()


DOORS = {
    "Client.add": lambda engine, call, said: Client(engine).add("x", **said),
    "Client.add_many": lambda engine, call, said: Client(engine).add_many("x", [{}], **said)[0],
    "Client.job": lambda engine, call, said: Client(engine).chain(
        [Client(engine).job("x", **said)]
    )[0],
    "coserver add": type_it,
}


@pytest.mark.parametrize("door", DOORS)
def test_every_option_comes_in_by_every_door(engine: Engine, call: Any, door: str):
    """Into the tables, from a program and from the command line."""
    said = say_all(engine)
    assert {*said, "eta", "on_success", "on_failure"} == set(NAMES)
    assert read_back(engine, DOORS[door](engine, call, said)) == said


@pytest.mark.parametrize("door", DOORS)
def test_a_moment_comes_in_by_every_door(engine: Engine, call: Any, door: str):
    """To the microsecond."""
    job_id = DOORS[door](engine, call, {"eta": NOON})
    job = store.read(engine, lambda connection: manage.get(connection, job_id))
    assert job.run_at == NOON.timestamp() * store.SECOND


@pytest.mark.parametrize("door", DOORS)
def test_five_attempts_that_were_said_outweigh_the_task(engine: Engine, call: Any, door: str):
    """Though 5 is what a job has of which nobody says more."""
    job_id = DOORS[door](engine, call, {"max_attempts": 5})
    job = store.read(engine, lambda connection: manage.get(connection, job_id))
    assert [is_tried_again(job, after=attempt) for attempt in (1, 3, 4, 5)] == [True] * 3 + [False]


@pytest.mark.parametrize("door", DOORS)
def test_a_task_says_how_often_if_nobody_else_does(engine: Engine, call: Any, door: str):
    """And if it says nothing either, there are 5 attempts."""
    job_id = DOORS[door](engine, call, {})
    job = store.read(engine, lambda connection: manage.get(connection, job_id))
    assert [is_tried_again(job, after=attempt) for attempt in (2, 3)] == [True, False]
    plain = [is_tried_again(job, after=attempt, policy=PLAIN) for attempt in (4, 5)]
    assert plain == [True, False]


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (["--priority", "high"], "priority is 'high', wanted a whole number from -1000000 to"),
        (["--delay", "soon"], "delay is 'soon', wanted seconds or a timedelta"),
        (["--max-attempts", "0"], "max_attempts is 0, wanted a whole number from 1"),
        (["--timeout", "nan"], "timeout is nan, wanted seconds or a timedelta, more than 0"),
        (["--unique-for", "60"], "unique_for goes with a unique key"),
        (["--after", "none"], "No job has the id"),
        (["--title", "x" * 2000], "title has 2000 characters; the limit is 1024"),
        (["--eta", "2030-01-01T08:00", "--delay", "1"], "a delay or an eta, not both"),
    ],
    ids=str,
)
def test_the_command_line_refuses_in_the_same_words(
    sqlite_url: str, call: Any, flags: list[str], reason: str
):
    """And does nothing."""
    done = call(sqlite_url, "add", "http", *flags)
    assert done.exit_code in (2, 3)
    assert reason in done.stderr


def test_type_checkers_know_every_option():
    """The keywords of the doors are spelled out for them beside ``JobOptions``."""
    assert set(typing.get_type_hints(Options)) == set(NAMES)
    assert set(typing.get_type_hints(ClientOptions)) == {*NAMES, "payload"}


def test_texts_are_as_long_as_their_columns():
    """What is longer is refused in words, and what isn't is taken."""
    columns = {"unique": "unique_key", "limit": "concurrency_key"}
    for each in fields(JobOptions):
        if isinstance(kind := each.metadata["type"], Text | Key | Names):
            column = tables.job.c[columns.get(each.name, each.name)]
            assert kind.longest == column.type.length, each.name


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


@pytest.mark.parametrize("said", [{}, {"delay": 60}])
def test_an_id_of_ones_own_names_one_job(client: Client, said: dict):
    """Also after that job has ended; in a list it is refused as well."""
    own = str(uuid4())
    assert client.add("x", id=own.upper(), **said) == own
    with pytest.raises(InvalidJob, match=f"A job can be queued once, and this was .*{own}"):
        client.add("x", id=own, **said)
    client.cancel(own)
    with pytest.raises(InvalidJob, match=f"Job {own} was queued before, and has ended. Choose ano"):
        client.add("x", id=own, **said)
    other = str(uuid4())
    with pytest.raises(InvalidJob, match=f"two that are queued together have the id {other}"):
        client.add_many("x", [{}, {}], id=other, **said)


def test_an_id_may_be_given_in_upper_case(client: Client):
    """Wherever one is: it is the job's."""
    first = client.add("x").upper()
    second = client.add("x", after=[first])
    client.cancel(first)
    client.retry(first)
    client.set_priority(first, 7)
    assert client.get(first).priority == 7
    assert client.get(first).state is State.READY
    assert client.get(second.upper()).state is State.BLOCKED
    client.cancel(first)
    assert client.wait(first).id == first.lower()


def test_a_job_that_is_added_again_with_its_key_is_one(client: Client):
    """A program that doesn't know whether it has added it may do so again, while it is live."""
    own = str(uuid4())
    said = {"id": own, "unique": "k"}
    assert client.add_many("x", [{}, {}], **said) == [own, own]
    assert client.add("x", **said) == own
    with pytest.raises(InvalidJob, match="have the id"):
        client.add_jobs([client.job("x", **said), client.job("x", id=own, unique="other")])
    client.cancel(own)
    with pytest.raises(InvalidJob, match="has ended"):
        client.add("x", **said)


def test_a_job_of_ones_own_id_may_be_followed(client: Client):
    """By jobs that are queued with it."""
    own = str(uuid4())
    ids = client.chain([client.job("x", id=own), client.job("x")])
    assert ids[0] == own
    assert client.get(ids[1]).waits_for == 1
