"""The store's times as people and programs read them, also those beyond the calendar. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

SECOND = 1_000_000  # microseconds
READABLE = "%Y-%m-%d %H:%M:%S"


def to_utc(microseconds: int) -> datetime | None:
    """Return the moment in UTC, None if it is beyond the years that Python knows."""
    try:
        return datetime.fromtimestamp(microseconds / SECOND, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def write_local(microseconds: int) -> str:
    """Return the moment in this machine's time zone; the number for one beyond the calendar."""
    moment = to_utc(microseconds)
    try:
        return moment.astimezone().strftime(READABLE) if moment else str(microseconds)
    except (ValueError, OverflowError, OSError):  # the zone is ahead of UTC at its last hours
        return str(microseconds)


def write_iso(microseconds: int) -> str:
    """Return the moment in UTC as ISO 8601; the number for one beyond the calendar."""
    moment = to_utc(microseconds)
    return moment.isoformat() if moment else str(microseconds)
