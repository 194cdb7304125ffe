"""Whatever is handed to the add-on's functions, it does or says in words what is wrong."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any
from unittest.mock import Mock

import pytest
import transaction
from DateTime import DateTime
from OFS.Folder import Folder

from collective.coserver import current_job, queue, task
from collective.coserver.functions import registry
from coserver_consumer import store
from coserver_consumer.errors import (
    AddError,
    CoserverError,
    InvalidJob,
    InvalidTask,
    JobNotFound,
    UnknownQueue,
)
from coserver_consumer.model.job import State, new_id
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.options import NAMES
from coserver_consumer.producer.filters import JobFilter
from coserver_consumer.retry import Backoff
from support.every_option import NOON, is_tried_again, read_back, say_all
from support.jobs import Jobs
from tests.plone import functions

PATH = "/plone/@@view"


class Unspeakable:
    """A value that can't be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("not me")


class Lost(tzinfo):
    """A zone that doesn't know itself."""

    def utcoffset(self, moment: datetime | None) -> timedelta:
        raise LookupError("which zone?")


def make_endless() -> list[Any]:
    """Return a list that holds itself."""
    endless: list[Any] = []
    endless.append(endless)
    return endless


def make_odd() -> list[Any]:
    """Return values that somebody may hand over by mistake, made anew: some can be read once."""
    return [
        None,
        *(True, False, 0, -1, 1, 5, 10**18, 10**5000, 0.5, -0.0, 1e300, math.nan, math.inf),
        *("", " ", "x", "x=1", "\ud800", "a\0b", "a\nb", "\ufeff", "x" * 100_000, "/", "?", "//"),
        *("http://x/y", "@@view", "GET", "default", "system", new_id(), "%", "%zz", "..", "[1"),
        *(b"", b"x", b"\xff", bytearray(b"x"), memoryview(b"x")),
        *([], [1], [None], ["x"], ["ab"], [["a", 1]], [("a",)], [("a", 1, 2)], [("a", object())]),
        *([new_id()], [NewJob(task="x")], [functions.echo], make_endless(), [[[[]]]] * 3),
        *({}, {"x": "y"}, {1: 2}, {"\ud800": 1}, {"x": "\ud800"}, {"x": {"y": 1}}, {"x": [[]]}),
        *({None: 1}, {b"x": b"\xff"}, {"x": 10**5000}, {"X-Y": Unspeakable()}, {"": ""}),
        *((), ("a", "b"), set(), {1}, {"x"}, frozenset(), range(3), iter([1]), (n for n in "ab")),
        *(object(), Unspeakable(), Mock(), Folder, Folder("odd"), int, len, lambda: 1, Ellipsis),
        *(functions.echo, NewJob(task="x"), queue.CURRENT, State.FAILED, Decimal("sNaN"), 1j),
        *(date(2030, 1, 1), datetime(2030, 1, 1), datetime.now(UTC), timedelta(1), timedelta.max),  # noqa: DTZ001
        *(datetime.max.replace(tzinfo=timezone(-timedelta(hours=5))), datetime.min),  # noqa: DTZ901
        *(datetime(2030, 1, 1, tzinfo=Lost()), DateTime(0), DateTime("2030-01-01T08:00:00")),
        *(Backoff(), KeyError, KeyError("x")),
    ]


def to_key(value: Any) -> Any:
    """Return the value if a set can hold it: else it doesn't come to any door."""
    try:
        hash(value)
    except Exception:  # noqa: BLE001  of a zone that doesn't know itself
        return None
    return value


ADD = ["url", "method", "params", "headers", "payload", "view", *NAMES, "unheard_of"]
OPTIONS = [*NAMES, "unheard_of"]
CALLS: dict[str, Callable[[Any], Any]] = {
    **{f"add({name})": lambda it, name=name: queue.add(**{"url": PATH, name: it}) for name in ADD},
    **{
        f"add({name}), by POST": lambda it, name=name: queue.add(
            **{"url": PATH, "method": "POST", name: it}
        )
        for name in ("params", "payload", "headers")
    },
    "add(unique and unique_for)": lambda it: queue.add(PATH, unique="x", unique_for=it),
    "add(site)": lambda it: queue.add("/plone", view=it),
    "add_xmlrpc(url)": lambda it: queue.add_xmlrpc(it, "title"),
    "add_xmlrpc(method)": lambda it: queue.add_xmlrpc("/plone", it),
    "add_xmlrpc(args)": lambda it: queue.add_xmlrpc("/plone", "title", it),
    "add_xmlrpc(argument)": lambda it: queue.add_xmlrpc("/plone", "title", [it]),
    "chain": queue.chain,
    "chain(one)": lambda it: queue.chain([it]),
    "chain(accepts_failure)": lambda it: queue.chain([queue.job(PATH)], accepts_failure=it),
    "group": queue.group,
    "group(one)": lambda it: queue.group([it]),
    "group(on_success)": lambda it: queue.group([queue.job(PATH)], on_success=it),
    "group(on_failure)": lambda it: queue.group([queue.job(PATH)], on_failure=it),
    "group(serial)": lambda it: queue.group([queue.job(PATH)], serial=it),
    "delay": functions.echo.delay,
    "delay(in a list)": lambda it: functions.echo.delay([it]),
    "delay(in a set)": lambda it: functions.echo.delay(frozenset([to_key(it)])),
    "delay(as a key)": lambda it: functions.echo.delay({to_key(it): 1}),
    "run_as": lambda it: functions.echo.options(run_as=it).delay(),
    **{
        f"options({name})": lambda it, name=name: functions.echo.options(**{name: it}).delay()
        for name in OPTIONS
    },
}
LOOKS: dict[str, Callable[[Any], Any]] = {
    "get": queue.get,
    "result": queue.result,
    "cancel": queue.cancel,
    "retry": queue.retry,
    "retry(states)": lambda it: queue.retry(new_id(), states=it),
    "set_priority": lambda it: queue.set_priority(it, 1),
    "move": lambda it: queue.move(it, "default"),
    "wait": lambda it: queue.wait(it, 0),
}
QUESTIONS: dict[str, Callable[[Any], Any]] = {
    "set_priority_many": lambda it: queue.set_priority_many(it, all=True),
    "move_many": lambda it: queue.move_many(it, all=True),
    "wait(timeout)": lambda it: queue.wait(new_id(), it),
    "wait_many": lambda it: queue.wait_many(it, 0),
    "wait_many(one)": lambda it: queue.wait_many([it], 0),
    **{
        f"find({name})": lambda it, name=name: queue.find(**{name: it})
        for name in (*JobFilter.__annotations__, "limit", "before")
    },
}


def find_speechless(
    door: Callable[[Any], Any], *kinds: type[CoserverError], end: Callable[[], Any] = lambda: None
) -> list[str]:
    """Hand all odd values over, and end what each began; return those that aren't answered well.

    An error of these kinds is an answer, if it says something.
    """
    faults = []
    for number, value in enumerate(make_odd()):
        try:
            door(value)
            end()
        except kinds as error:
            if not re.fullmatch(r".{10,4000}[.}]", str(error), re.DOTALL):
                faults.append(f"{number} {type(value)}: said {str(error)[:1000]!r}")
        except Exception as error:  # noqa: BLE001  that is the fault which is looked for
            faults.append(f"{number} {type(value)}: {type(error).__name__}: {error}")
        transaction.abort()
    return faults


@pytest.mark.parametrize("door", CALLS)
def test_odd_values_are_queued_or_refused_in_words(door: str, jobs: Jobs) -> None:
    """When they are handed over, or, if that tells of another job, by the commit."""
    assert not find_speechless(CALLS[door], AddError, end=transaction.commit)


@pytest.mark.parametrize("door", LOOKS)
def test_odd_ids_are_not_found_in_words(door: str, jobs: Jobs) -> None:
    """As an id that no job has."""
    assert not find_speechless(LOOKS[door], JobNotFound, InvalidJob)


@pytest.mark.parametrize("door", QUESTIONS)
def test_odd_filters_are_answered_in_words(door: str, jobs: Jobs) -> None:
    """Or by an empty list: some are texts that no job has."""
    assert not find_speechless(QUESTIONS[door], JobNotFound, InvalidJob, UnknownQueue)


@pytest.mark.parametrize("name", ["run_as", "backoff", "retry_on", "never_retry_on", *OPTIONS])
def test_odd_options_of_a_task_are_refused_in_words(name: str) -> None:
    """When the module is imported."""
    assert not find_speechless(lambda it: task(**{name: it}), InvalidTask, InvalidJob)


SAYING: dict[str, Callable[[dict[str, Any]], str]] = {
    "queue.add": lambda said: queue.add(PATH, **said),
    "queue.add_xmlrpc": lambda said: queue.add_xmlrpc("/plone", "title", **said),
    "queue.job": lambda said: queue.chain([queue.job(PATH, **said)])[0],
    "@task": lambda said: task(**said)(functions.echo.function).delay(),
    "options": lambda said: functions.echo.options(**said).delay(),
    "options, after others": lambda said: (
        functions.echo.options(queue="default", eta=NOON, max_attempts=1).options(**said).delay()
    ),
    "Task.job": lambda said: queue.chain([functions.echo.options(**said).job()])[0],
}


@pytest.fixture
def _same_tasks() -> Iterator[None]:
    """Have the tasks be those from before."""
    yield
    registry.register(functions.echo)


@pytest.mark.usefixtures("_same_tasks")
@pytest.mark.parametrize("door", SAYING)
def test_every_option_comes_in_by_every_door(door: str, jobs: Jobs) -> None:
    """Into the tables, as from a program and from the command line."""
    said = say_all(jobs.engine)
    job_id = SAYING[door](said)
    transaction.commit()
    assert read_back(jobs.engine, job_id) == said


@pytest.mark.usefixtures("_same_tasks")
@pytest.mark.parametrize("door", SAYING)
@pytest.mark.parametrize("moment", [NOON, DateTime("2030/01/01 12:00 UTC")], ids=str)
def test_a_moment_comes_in_by_every_door(door: str, moment: Any, jobs: Jobs) -> None:
    """Of Python's kind and of Zope's."""
    job_id = SAYING[door]({"eta": moment})
    transaction.commit()
    assert queue.get(job_id).run_at == NOON.timestamp() * store.SECOND


@pytest.mark.usefixtures("_same_tasks")
@pytest.mark.parametrize("door", ["queue.add", "@task"])
@pytest.mark.parametrize("moment", [NOON, DateTime("2030/01/01 12:00 UTC"), 600], ids=str)
def test_a_job_that_may_expire_is_staged_as_it_will_be(door: str, moment: Any, jobs: Jobs) -> None:
    """By a moment of Python's or of Zope's kind, or by a span from when it is queued."""
    job_id = SAYING[door]({"expires": moment})
    staged = queue.get(job_id).expires_at
    transaction.commit()
    job = queue.get(job_id)
    if moment == 600:
        assert abs(job.expires_at - job.created_at) < 1200 * store.SECOND
        assert abs(job.expires_at - staged) < 600 * store.SECOND
    else:
        assert job.expires_at == staged == NOON.timestamp() * store.SECOND


@pytest.mark.usefixtures("_same_tasks")
@pytest.mark.parametrize("door", SAYING)
def test_five_attempts_that_were_said_outweigh_a_policy(door: str, jobs: Jobs) -> None:
    """Though 5 is what a job has of which nobody says more."""
    job_id = SAYING[door]({"max_attempts": 5})
    transaction.commit()
    job = queue.get(job_id)
    assert job.max_attempts == 5
    assert [is_tried_again(job, after=attempt) for attempt in (3, 4, 5)] == [True, True, False]


@pytest.mark.usefixtures("_same_tasks")
@pytest.mark.parametrize("door", SAYING)
def test_attempts_that_nobody_says_are_not_said(door: str, jobs: Jobs) -> None:
    """Also after others were said: ``None`` takes a word back."""
    job_id = SAYING[door]({"max_attempts": None})
    transaction.commit()
    job = queue.get(job_id)
    assert job.max_attempts is None
    assert [is_tried_again(job, after=attempt) for attempt in (2, 3)] == [True, False]


@pytest.mark.usefixtures("_same_tasks")
@pytest.mark.parametrize("door", SAYING)
def test_a_moment_and_a_delay_exclude_each_other_at_every_door(door: str, jobs: Jobs) -> None:
    """Nobody knows which of them was meant."""
    with pytest.raises(InvalidJob, match="a delay or an eta, not both: leave one of them out"):
        SAYING[door]({"eta": NOON, "delay": 5})


def test_odd_values_are_no_tasks() -> None:
    """Only functions are."""
    assert not find_speechless(task, InvalidTask)


@pytest.mark.parametrize(
    "tell", [current_job.progress, lambda it: current_job.progress(0.5, it), current_job.log]
)
def test_odd_progress_and_lines_are_refused_in_words(tell: Callable[[Any], Any]) -> None:
    """Also outside of a job, so that the tests of a function tell."""
    assert not find_speechless(tell, InvalidJob)


@pytest.mark.parametrize("value", [None, "half", b"1", math.nan, object(), 1j])
def test_progress_is_a_number(value: Any) -> None:
    """Or people would see none."""
    with pytest.raises(InvalidJob, match=r"progress is .*, wanted a number from 0 to 1"):
        current_job.progress(value)


@pytest.mark.parametrize("value", [None, 5, b"x", object()])
def test_a_line_is_text(value: Any) -> None:
    """Nothing is guessed."""
    with pytest.raises(InvalidJob, match=r"The line to log is .*, wanted text; spell it by str"):
        current_job.log(value)


KEYED = r"can't have a unique key \('k'\)"


def make_keyed() -> NewJob:
    """Return a job with a unique key, which no follow-up can have."""
    return functions.echo.options(unique="k").job()


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: queue.chain([1]), r"^1 is no job that can be queued; wanted what job\(...\)"),
        (
            lambda: queue.chain([functions.echo]),
            r"^<Task tests.plone.functions.echo> is no job that can be queued",
        ),
        (lambda: queue.chain(5), "^Jobs are given as a list, such as .*, not as 5"),
        (lambda: queue.chain(queue.job(PATH)), "^Jobs are given as a list"),
        (lambda: queue.group("x"), "^Jobs are given as a list"),
        (lambda: queue.group([queue.job(PATH)], on_success=5), "^5 is no job"),
        (lambda: queue.group([queue.job(PATH)], serial="no"), "^serial is 'no', wanted True"),
        (lambda: queue.add(PATH, on_failure=make_keyed()), KEYED),
        (lambda: queue.add_xmlrpc("/plone", "x", on_success=make_keyed()), KEYED),
        (lambda: functions.echo.options(on_failure=make_keyed()).delay(), KEYED),
        (lambda: queue.group([queue.job(PATH)], on_failure=make_keyed()), KEYED),
        (lambda: queue.add_xmlrpc("/plone", "x", "abc"), "^args is 'abc', wanted a list"),
        (lambda: queue.add_xmlrpc("/plone", 5), "^5 can't name a method"),
        (lambda: queue.add_xmlrpc("/plone", "x", ["\0"]), "XML-RPC can't bear an argument of x"),
        (lambda: functions.echo.options(run_as=5), "^run_as is 5, wanted 'system' or a user's id"),
        (lambda: queue.retry(new_id(), states="x"), "^states is 'x', wanted some of staged, "),
    ],
)
def test_what_is_wrong_is_said(call: Callable[[], Any], reason: str, jobs: Jobs) -> None:
    """With the name and the value of what it is."""
    with pytest.raises(InvalidJob, match=reason):
        call()


@pytest.mark.parametrize("value", [None, 5, [], "", "one", object()])
def test_what_is_no_id_is_not_found(value: Any, jobs: Jobs) -> None:
    """By no function."""
    for look in LOOKS.values():
        if look is not LOOKS["retry(states)"]:
            with pytest.raises(JobNotFound):
                look(value)
