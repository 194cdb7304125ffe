"""What a job may be that is queued: the database would refuse, or cut, the rest less clearly."""

from __future__ import annotations

from collections.abc import Sequence

from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.model.job import Job
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.value_types import check_text
from coserver_consumer.protocol.codec import dump_json
from coserver_consumer.protocol.json_values import require_json
from coserver_consumer.store.schema import tables

MAX_PAYLOAD_BYTES = 1_048_576
MAX_BYTES_PER_CHAR = 12  # of JSON, for a character as Python shows it: an emoji
MAX_CHARS = {
    name: tables.job.c[name].type.length  # type: ignore[attr-defined]
    for name in ("task", "owner", "site")
}


def check_job(job: NewJob, *, max_payload: int = MAX_PAYLOAD_BYTES) -> None:
    """Raise ``InvalidJob`` for a job that can't be queued as it is."""
    if not job.task:
        raise InvalidJob("A job needs the name of a task.")
    for name, text in (("task", job.task), ("owner", job.owner), ("site", job.site)):
        if text is not None:
            check_text(name, text, longest=MAX_CHARS[name])
    check_size(job, max_payload=max_payload)


def refuse_twins(jobs: Sequence[NewJob]) -> None:
    """Raise ``InvalidJob`` if two of the jobs have the same id, unless one key makes them one."""
    known: dict[str, str | None] = {}
    for job in jobs:
        key = job.options.unique
        if job.id in known and (key is None or known[job.id] != key):
            raise InvalidJob(same_id(job))
        known[job.id] = key


def same_id(job: NewJob) -> str:
    """Return what is wrong with a job that is to be queued beside another one with its id."""
    return (
        f"A job can be queued once, and two that are queued together have the id {job.id}; one of "
        f"them is '{job.title or job.task}'. Give each an id of its own, or none."
    )


def check_size_of_row(job: Job, *, max_payload: int = MAX_PAYLOAD_BYTES) -> None:
    """Do as ``check_size`` for what has been JSON: most of it is so short that this is plain."""
    shown = len(repr(job.args)) + len(repr(job.origin)) + len(job.payload or b"")
    if shown * MAX_BYTES_PER_CHAR > max_payload:
        check_size(job, max_payload=max_payload)


def check_size(job: NewJob | Job, *, max_payload: int = MAX_PAYLOAD_BYTES) -> None:
    """Raise ``InvalidJob`` if arguments and payload have more bytes than that, or aren't JSON."""
    require_json(job)
    size = len(dump_json([job.args, job.origin])) + len(job.payload or b"")
    if size > max_payload:
        raise InvalidJob(
            f"The arguments and payload of job '{job.title or job.task}' have {size} bytes; the "
            f"limit is {max_payload}, the setting max_payload. Pass the path or UID of what holds "
            "the data instead."
        )
