"""A job that isn't run since another, with the same unique key, does its work. Pure.

It is in the history, as cancelled, so that its id leads to the other one.
"""

from __future__ import annotations

from typing import Any

from coserver_consumer.model.job import Job, State
from coserver_consumer.protocol.codec import KIND, VALUE

MERGED = "merged into"


def as_merged(holder_id: str) -> dict[str, Any]:
    """Return how a job ends that this one holds the key of, as keywords."""
    return {
        "state": State.CANCELLED,
        "result": {KIND: MERGED, VALUE: holder_id},
        "error": f"Job {holder_id} holds the same unique key.",
    }


def find_other(job: Job) -> str | None:
    """Return the id of the job that does this one's work, None if it does it itself."""
    said = job.result
    if job.state is not State.CANCELLED or not isinstance(said, dict) or said.get(KIND) != MERGED:
        return None
    return str(said.get(VALUE))
