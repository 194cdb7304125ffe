"""What a program says of a job by keywords: the options, and the payload beside them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.model.exception_text import brief
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.options import JobOptions, Options, read_options, refuse_unknown


class ClientOptions(Options, total=False):
    """The keywords of ``Client.add``: those of ``JobOptions``, and the payload of a job."""

    payload: bytes | None


def read_keywords(said: Mapping[str, Any]) -> tuple[JobOptions, bytes | None]:
    """Return the options that these keywords say, and the payload; raise ``InvalidJob``."""
    refuse_unknown(said, beside=("payload",))
    payload = said.get("payload")
    if payload is not None and not isinstance(payload, bytes):
        raise InvalidJob(f"payload is of type {type(payload).__name__}, wanted bytes.")
    options = {name: value for name, value in said.items() if name != "payload"}
    return read_options(options), payload


def read_arguments(said: Any) -> Iterable[Any]:
    """Return the arguments of several jobs, one after another; raise ``InvalidJob``."""
    if isinstance(said, str | bytes | Mapping) or not isinstance(said, Iterable):
        raise InvalidJob(
            f"args is {brief(said)}, wanted a list of mappings, one for each job, such as "
            "[{'page': 1}, {'page': 2}]."
        )
    return said


def make_job(
    task: str, args: Mapping[str, Any], options: JobOptions, payload: bytes | None
) -> NewJob:
    """Return the job that these describe; raise ``InvalidJob``."""
    if not isinstance(task, str):
        raise InvalidJob(f"task is {brief(task)}, wanted the name of a task.")
    if not isinstance(args, Mapping) or not all(isinstance(name, str) for name in args):
        raise InvalidJob(f"args is of type {type(args).__name__}, wanted a mapping of names.")
    return NewJob(task=task, args=dict(args), options=options, payload=payload)
