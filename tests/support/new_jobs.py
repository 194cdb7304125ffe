"""New jobs for tests, of which a test says what it is about."""

from __future__ import annotations

from typing import Any

from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.options import NAMES, JobOptions


def make_new(**values: Any) -> NewJob:
    """Return a job of task ``t`` with these options, and with what else a ``NewJob`` holds."""
    options = {name: values.pop(name) for name in NAMES if name in values}
    return NewJob(**{"task": "t", "options": JobOptions(**options), **values})
