"""Whether and when a job is tried again: the public place of ``model.retry``."""

from __future__ import annotations

from coserver_consumer.model.retry import PLAIN, Backoff, Kind, RetryPolicy

__all__ = [
    "PLAIN",
    "Backoff",
    "Kind",
    "RetryPolicy",
]
