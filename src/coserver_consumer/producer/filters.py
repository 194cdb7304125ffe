"""What a program says of the jobs that it looks for or changes, by keywords."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, TypedDict

from sqlalchemy import Connection

from coserver_consumer import store
from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.model.exception_text import brief
from coserver_consumer.model.job import Job, State
from coserver_consumer.model.options import MAX_DELAY_S, read_flag
from coserver_consumer.model.value_types import (
    JobIds,
    Moment,
    Seconds,
    Span,
    Text,
    WholeNumber,
    read_texts,
    refuse,
    to_microseconds,
)
from coserver_consumer.model.workflow import Group
from coserver_consumer.store import manage
from coserver_consumer.store.schema.fragments import pages

MAX_TEXT_CHARS = 1024
MAX_NAMES = 1_000  # of queues or tasks in one filter
PAST = Moment(example="datetime.now(UTC) - timedelta(hours=1)")
LIMIT = WholeNumber(least=1, most=10_000)
SPAN = Seconds(least=0, most=MAX_DELAY_S)


class JobFilter(TypedDict, total=False):
    """Which jobs are meant; what isn't said, or is None, lets all through.

    ``states``, ``queues``, ``tasks``: one of them, or several. ``owner``: a Plone user's id,
    ``site``: a site's path. ``text`` is looked for in titles, tasks and ids. ``since``: queued then
    or later, ``ended_since``: ended then or later, each a ``datetime`` with a time zone, or how
    long ago, in seconds or as a ``timedelta``. ``ids``: those of the jobs, or a group, whose
    members are meant.
    """

    states: State | str | Iterable[State | str] | None
    queues: str | Iterable[str] | None
    tasks: str | Iterable[str] | None
    owner: str | None
    site: str | None
    text: str | None
    since: datetime | Span | None
    ended_since: datetime | Span | None
    ids: Group | Iterable[str] | None


class ManyFilter(JobFilter, total=False):
    """A filter of jobs that are changed; ``all`` is to be True if it is to let all through."""

    all: bool


def read_filter(connection: Connection, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the filter as ``manage.find`` takes it; raise ``InvalidJob``.

    A span of time ends now, by the database's clock.
    """
    if unknown := set(said) - set(_READERS):
        known = ", ".join(_READERS)
        raise InvalidJob(f"No filter is called '{min(unknown)}'; known are: {known}.")
    given = {name: value for name, value in said.items() if value is not None}
    read = {name: _READERS[name](name, value) for name, value in given.items()}
    spans = {name: span for name, span in read.items() if isinstance(span, timedelta)}
    now = manage.now(connection) if spans else 0
    return read | {name: now - _to_microseconds(span) for name, span in spans.items()}


def find_page(
    connection: Connection, said: Mapping[str, Any], *, limit: Any, before: Any, **more: Any
) -> list[Job]:
    """Return up to ``limit`` jobs, the newest first, those after the one with the id ``before``.

    ``more`` narrows the filter. Raises ``InvalidJob``, and ``JobNotFound`` for what is no id.
    """
    wanted = more | read_filter(connection, said)
    last = None if before is None else manage.require_id(before)
    most = LIMIT.read("limit", limit)
    return [
        job
        for part in split_ids(wanted)
        for job in manage.find(connection, limit=most, before=last, **part)
    ][:most]


def count_jobs(connection: Connection, said: Mapping[str, Any], **more: Any) -> int:
    """Return how many jobs there are; ``more`` narrows the filter."""
    parts = split_ids(more | read_filter(connection, said))
    return sum(each.number for part in parts for each in manage.count(connection, **part))


def split_ids(wanted: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the filter with so many of its ids at a time as a statement takes, the newest first."""
    if "ids" not in wanted:
        yield wanted
        return
    for page in pages(sorted(set(wanted["ids"]), reverse=True)):
        yield wanted | {"ids": page}


def read_many(
    connection: Connection, said: Mapping[str, Any], states: Collection[State]
) -> dict[str, Any]:
    """Return the filter of jobs that are to be changed, by default of those in ``states``.

    Jobs that are named by their ids are in any state: who names one is told why it isn't changed.
    Raises ``InvalidJob`` for one that would let all jobs through, unless it says so.
    """
    said = dict(said)
    is_for_all = read_flag("all", said.pop("all", None))
    if not is_for_all and all(value is None for value in said.values()):
        raise InvalidJob(
            "Say which jobs, such as queues=['mail'], or all=True for all of them: "
            f"{', '.join(sorted(states))}."
        )
    by_default = {"states": states} if said.get("ids") is None else {}
    return by_default | read_filter(connection, said)


def _to_microseconds(span: timedelta) -> int:
    return round(span.total_seconds() * store.SECOND)


def _read_states(name: str, value: Any) -> frozenset[State]:
    try:
        states = frozenset(map(State, [value] if isinstance(value, str) else value))
    except (TypeError, ValueError):
        states = frozenset()
    return states or _refuse_nothing(name, value, f"some of {', '.join(State)}")


def _read_names(name: str, value: Any) -> tuple[str, ...]:
    said = (value,) if isinstance(value, str) else read_texts(name, value)
    if len(said) > MAX_NAMES:
        raise InvalidJob(f"{name} has {len(said)} names; the limit is {MAX_NAMES}.")
    names = tuple(_read_text(name, each) for each in said)
    return names or _refuse_nothing(name, value, "a name or several")


def _refuse_nothing(name: str, value: Any, wanted: str) -> Any:
    """Refuse what is empty: whether it stands for all jobs or for none would be a guess."""
    raise refuse(name, value, f"{wanted}; leave it out for all")


def _read_text(name: str, value: Any) -> str:
    text = Text(longest=MAX_TEXT_CHARS).read(name, value)
    return text or _refuse_nothing(name, value, "text that isn't empty")


def _read_ids(name: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, Group):
        return tuple(job.id for job in value.members)
    ids = JobIds().read(name, value)
    return ids or _refuse_nothing(name, value, "ids of jobs, or a group")


def _read_since(name: str, value: Any) -> int | timedelta:
    """Return the moment in microseconds since the epoch, or the span before now."""
    if isinstance(value, datetime):
        return to_microseconds(PAST.read(name, value))
    try:
        return timedelta(seconds=SPAN.read(name, value))
    except InvalidJob:
        raise InvalidJob(
            f"{name} is {brief(value)}, wanted a datetime with a time zone, or how long ago: "
            "seconds or a timedelta."
        ) from None


_READERS: dict[str, Callable[[str, Any], Any]] = {
    "states": _read_states,
    "queues": _read_names,
    "tasks": _read_names,
    "owner": _read_text,
    "site": _read_text,
    "text": _read_text,
    "since": _read_since,
    "ended_since": _read_since,
    "ids": _read_ids,
}
