"""When a job is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from coserver_consumer.errors import InvalidJob

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def to_run_at(eta: datetime | None, *, delay: float) -> int | None:
    """Return ``eta`` in microseconds since the epoch, None if the job is due by its delay.

    A time without a time zone is refused: whether it meant UTC, the server's zone or the site's
    would be a guess.
    """
    if eta is None:
        return None
    if delay:
        raise InvalidJob("A job has a delay or an eta, not both.")
    if eta.tzinfo is None:
        raise InvalidJob(
            f"The eta {eta.isoformat()} has no time zone; "
            "pass one that has, such as datetime.now(UTC) + timedelta(hours=1)."
        )
    return (eta - EPOCH) // MICROSECOND
