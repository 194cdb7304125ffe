"""A job that isn't run since another, with the same unique key, does its work. Pure.

It is in the history, as cancelled, so that its id leads to the other one.
"""

from __future__ import annotations

from typing import Any

from coserver_consumer.model.job import Job, State
from coserver_consumer.protocol.codec import KIND, VALUE

MERGED = "merged into"


def as_merged(holder_id: str) -> dict[str, Any]:
    """Return, as keywords of ``end_locked``, how a job ends whose key this one holds."""
    return {
        "state": State.CANCELLED,
        "result": {KIND: MERGED, VALUE: holder_id},
        "error": f"Job {holder_id} holds the same unique key.",
    }


def find_other(job: Job) -> str | None:
    """Return the id of the job that does this one's work, None if it does it itself."""
    return read_merged(job.result) if job.state is State.CANCELLED else None


def read_merged(result: Any) -> str | None:
    """Return the id that the result of a cancelled job leads to, if it does."""
    if not isinstance(result, dict) or result.get(KIND) != MERGED:
        return None
    return str(result.get(VALUE))
