"""What a job may be that is queued: the database would refuse, or cut, the rest less clearly."""

from __future__ import annotations

from typing import Any

from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.model.exception_text import brief
from coserver_consumer.model.job import Job, NewJob, is_id
from coserver_consumer.model.options import check_numbers
from coserver_consumer.model.texts import is_storable, make_line
from coserver_consumer.protocol.codec import dump_json
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.rows import join_names

MAX_PAYLOAD = 1_048_576  # bytes
MAX_ESCAPED = 12  # bytes of JSON for a character as Python shows it, at most: an emoji
MAX_DEPTH = 100  # lists and mappings in each other
MAX_LENGTHS = {
    name: tables.job.c[name].type.length  # type: ignore[attr-defined]
    for name in (
        "queue",
        "task",
        "owner",
        "site",
        "title",
        "unique_key",
        "concurrency_key",
        "requires",
    )
}
SHOWN = 40  # characters of a text that is too long


def check_job(job: NewJob, *, max_payload: int = MAX_PAYLOAD) -> None:
    """Raise ``InvalidJob`` for a job that can't be queued as it is."""
    if not job.task:
        raise InvalidJob("A job needs the name of a task.")
    check_numbers(job)
    _check_relations(job)
    _check_names(job)
    check_size(job, max_payload=max_payload)


def _check_relations(job: NewJob) -> None:
    if job.unique_for is not None and (job.unique_key is None or job.unique_for < 0):
        raise InvalidJob("unique_for is in seconds, 0 or more, and goes with a unique key.")
    if job.unique_key == "":
        raise InvalidJob("unique_key is empty: give a key, or None for a job that has none.")
    if job.only_if_failed and not (job.after and job.accepts_failure):
        raise InvalidJob("only_if_failed is for a job that comes after others and accepts failure.")
    for parent in job.after:
        if not is_id(parent):
            raise InvalidJob(f"{brief(parent)} isn't the id of a job, so none can come after it.")


def _check_names(job: NewJob) -> None:
    texts: dict[str, str | None] = {
        "queue": job.queue,
        "task": job.task,
        "owner": job.owner,
        "site": job.site,
        "title": job.title,
        "unique_key": job.unique_key,
        "concurrency_key": job.concurrency_key,
        "requires": join_names(job.requires),
    }
    for name, text in texts.items():
        if text is None:
            continue
        if len(text) > MAX_LENGTHS[name]:
            raise InvalidJob(
                f"{name} has {len(text)} characters; the limit is {MAX_LENGTHS[name]}: "
                f"{make_line(text, SHOWN)}"
            )
        if not is_storable(text):
            what = "NUL" if "\0" in text else "lone surrogate"
            raise InvalidJob(f"{name} has a {what}, a character that not every database can hold.")


def check_size_of_row(job: Job, *, max_payload: int = MAX_PAYLOAD) -> None:
    """Do as ``check_size`` for what has been JSON: most of it is so short that this is plain."""
    shown = len(repr(job.args)) + len(repr(job.origin)) + len(job.payload or b"")
    if shown * MAX_ESCAPED > max_payload:
        check_size(job, max_payload=max_payload)


def check_size(job: NewJob | Job, *, max_payload: int = MAX_PAYLOAD) -> None:
    """Raise ``InvalidJob`` if arguments and payload together have more bytes than that."""
    size = len(_to_json(job)) + len(job.payload or b"")
    if size > max_payload:
        raise InvalidJob(
            f"The arguments and payload of job '{job.title or job.task}' have {size} bytes; the "
            f"limit is {max_payload}, the setting max_payload. Pass the path or UID of what holds "
            "the data instead."
        )


def _to_json(job: NewJob | Job) -> str:
    try:
        text = dump_json([job.args, job.origin])
    except (TypeError, ValueError) as error:
        raise InvalidJob(
            f"The arguments of job '{job.title or job.task}' aren't JSON: {error}. "
            "Pass text, numbers, true, false, null, lists and mappings of these."
        ) from error
    except RecursionError:
        raise _too_deep(job) from None
    if text.count("[") + text.count("{") > MAX_DEPTH and _depth(job.args) > MAX_DEPTH:
        raise _too_deep(job)
    return text


def _too_deep(job: NewJob | Job) -> InvalidJob:
    return InvalidJob(
        f"The arguments of job '{job.title or job.task}' are nested more than {MAX_DEPTH} deep. "
        "Pass them flatter, or as text."
    )


def _depth(value: Any) -> int:
    """Return how many lists and mappings are in each other."""
    depth, level = 0, [value]
    while level := [each for each in level if isinstance(each, dict | list | tuple)]:
        depth += 1
        level = [
            item for each in level for item in (each.values() if isinstance(each, dict) else each)
        ]
    return depth
