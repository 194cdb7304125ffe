"""Jobs that a program queues by its key: what Zope is to do, signed as the key's user. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.model.exception_text import brief
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.texts import make_line
from coserver_consumer.protocol.codec import encode
from coserver_consumer.protocol.key import Key, sign

SIGNED = frozenset({"call", "view", "xmlrpc"})  # the tasks whose jobs run in Zope as a user
MAX_TITLE_CHARS = 200  # of a function or path that stands for a title


def sign_if_in_zope(job: NewJob, key: Key) -> NewJob:
    """Return the job signed by the key, one that doesn't run as a user as it is.

    Raises ``InvalidJob`` for what the key doesn't allow.
    """
    if job.task not in SIGNED:
        return job
    if job.task == "call":
        job = replace(job, args=write_call(job.args))
    return sign(replace(job, options=job.options.change(title=find_title(job))), key)


def find_title(job: NewJob) -> str:
    """Return the title that was said, or else what the job is for."""
    named = job.args.get("function") or job.args.get("path") or job.task
    return job.title or make_line(str(named), MAX_TITLE_CHARS)


def write_call(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call as its job has them: ``args`` and ``kwargs`` may be left out.

    Raises ``InvalidJob`` for a value that can't be written.
    """
    args, kwargs = said.get("args", ()), said.get("kwargs", {})
    if not isinstance(args, list | tuple) or not isinstance(kwargs, dict):
        raise InvalidJob("The arguments of a call are 'args', a list, and 'kwargs', a mapping.")
    for name in kwargs:
        if not isinstance(name, str):
            raise InvalidJob(f"kwargs has the key {brief(name)}; keys must be text.")
    return {
        **said,
        "args": encode(list(args), name="args"),
        "kwargs": {name: encode(each, name=f"kwargs[{name!r}]") for name, each in kwargs.items()},
    }
