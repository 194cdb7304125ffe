"""What happened to a job, in one order: attempts, errors, log lines, presses of buttons.

Waits stand between, with their lengths. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from zope.i18nmessageid import Message

from collective.coserver.controlpanel.states import LOOKS, Look
from collective.coserver.controlpanel.times import SECOND, Moment, Times, exact_length
from collective.coserver.i18n import _
from coserver_consumer.model.job import Job, State
from coserver_consumer.model.lifecycle import WAITING
from coserver_consumer.store.manage import AttemptError, Line, Press

QUEUED = Look(word=_("look_queued", default="Queued"), icon="inbox", tone="plain")
PRESSED = Look(word=_("look_pressed", default="Pressed"), icon="person-fill", tone="plain")
STARTED = Look(word=_("look_running", default="Running"), icon="play-circle-fill", tone="run")


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """All that is known of a job: what the store says of it, and the names of its consumers."""

    job: Job
    failures: Sequence[AttemptError] = ()
    lines: Sequence[Line] = ()
    presses: Sequence[Press] = ()
    consumers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened, or will. ``wait``: how long after the event before.

    ``error`` is what went wrong, empty if it is the same as before. Of the tracebacks the last one
    is open.
    """

    at: int
    look: Look
    title: Message
    when: Moment
    where: str = ""
    error: str = ""
    is_same_error: bool = False
    traceback: str = ""
    is_open: bool = False
    lines: tuple[tuple[str, str], ...] = ()
    wait: Message | None = None


def tell(story: Story, times: Times) -> list[Event]:
    """Return the events, the first one first."""
    events = sorted(_happened(story, times), key=lambda event: event.at)
    return _open_last(_with_waits(_without_repetitions(events)))


def _happened(story: Story, times: Times) -> Iterator[Event]:
    job = story.job
    yield _event(times, job.created_at, QUEUED, _queued(job))
    for press in story.presses:
        yield _event(times, press.at, PRESSED, _pressed(press))
    for failure in story.failures:
        yield _failed(story, failure, times)
    if job.started_at is not None and not _is_told(story):
        lines = _lines_of(story, times, job.attempt)
        yield _event(
            times, job.started_at, STARTED, _started(job), lines=lines, where=_where(story)
        )
    if job.expires_at is not None and job.state in (*WAITING, State.STAGED, State.EXPIRED):
        yield _event(times, job.expires_at, LOOKS[State.EXPIRED], _expires())
    if job.ended_at is not None:
        yield _event(times, job.ended_at, LOOKS[job.state], _ended(job), error=_end_error(story))
    elif job.state is State.SCHEDULED:
        yield _event(times, job.run_at, LOOKS[State.SCHEDULED], _due(job))


def _event(times: Times, at: int, look: Look, title: Message, **more: object) -> Event:
    return Event(at=at, look=look, title=title, when=times.tell(at), **more)


def _queued(job: Job) -> Message:
    who = job.owner or _("somebody", default="somebody who wasn't logged in")
    return _(
        "event_queued",
        default="Queued by ${who} for queue ${queue}",
        mapping={"who": who, "queue": job.queue},
    )


def _pressed(press: Press) -> Message:
    who = {"who": press.who or _("command_line", default="the command line")}
    match press.action:
        case "cancel":
            return _("event_cancel", default="${who} pressed “Cancel”", mapping=who)
        case "retry":
            return _("event_retry", default="${who} pressed “Retry”", mapping=who)
        case action:
            said = who | {"action": action}
            return _("event_press", default="${who} did this: ${action}", mapping=said)


def _failed(story: Story, failure: AttemptError, times: Times) -> Event:
    is_last = failure == story.failures[-1]
    begun = story.job.started_at if is_last else None
    if begun is None or begun > failure.at:
        title = _(
            "event_failed",
            default="Attempt ${attempt} failed",
            mapping={"attempt": failure.attempt},
        )
    else:
        said = {"attempt": failure.attempt, "length": exact_length(failure.at - begun)}
        title = _(
            "event_failed_after", default="Attempt ${attempt} failed after ${length}", mapping=said
        )
    return _event(
        times,
        failure.at,
        LOOKS[State.FAILED],
        title,
        where=story.consumers.get(failure.consumer or "", ""),
        error=failure.error,
        traceback=failure.traceback or "",
        lines=_lines_of(story, times, failure.attempt),
    )


def _started(job: Job) -> Message:
    return _("event_started", default="Attempt ${attempt} began", mapping={"attempt": job.attempt})


def _ended(job: Job) -> Message:
    word = LOOKS[job.state].word
    if job.state is not State.COMPLETED or job.started_at is None or job.ended_at is None:
        return word
    length = exact_length(max(0, job.ended_at - job.started_at))
    return _(
        "event_ended_after",
        default="${word} after ${length}",
        mapping=dict(word=word, length=length),
    )


def _due(job: Job) -> Message:
    return _("event_due", default="Attempt ${attempt} is due", mapping={"attempt": job.attempt + 1})


def _expires() -> Message:
    return _("event_expires", default="Expires, unless it has begun by then")


def _is_told(story: Story) -> bool:
    """True if the last attempt has failed, which tells when it began."""
    return any(failure.at >= (story.job.started_at or 0) for failure in story.failures)


def _where(story: Story) -> str:
    return story.consumers.get(story.job.consumer or "", "")


def _end_error(story: Story) -> str:
    """Return what the end says, unless the last attempt has said it."""
    error = story.job.error or ""
    return "" if story.failures and story.failures[-1].error == error else error


def _lines_of(story: Story, times: Times, attempt: int) -> tuple[tuple[str, str], ...]:
    return tuple(
        (times.tell(line.at).clock, line.text) for line in story.lines if line.attempt == attempt
    )


def _without_repetitions(events: Sequence[Event]) -> list[Event]:
    """Leave out an error that the attempt before had as well, and say that it is the same."""
    told: list[Event] = []
    before = ""
    for event in events:
        is_same = bool(event.error) and event.error == before
        told.append(
            replace(event, is_same_error=is_same, traceback="" if is_same else event.traceback)
        )
        before = event.error or before
    return told


def _with_waits(events: Sequence[Event]) -> list[Event]:
    waits = [second.at - first.at for first, second in pairwise(events)]
    return [
        replace(event, wait=exact_length(wait)) if wait >= SECOND else event
        for event, wait in zip(events, [0, *waits], strict=True)
    ]


def _open_last(events: Sequence[Event]) -> list[Event]:
    last = max((n for n, event in enumerate(events) if event.traceback), default=None)
    return [replace(event, is_open=n == last) for n, event in enumerate(events)]
