"""Ids as people type them: their beginning or their end is enough."""

from __future__ import annotations

import re
from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.model.errors import AmbiguousId, JobNotFound
from coserver_consumer.model.job import is_id
from coserver_consumer.store.schema import tables

SHOWN_CHARS = 8  # of the end, which is random, while the beginning is the time
MIN_CHARS = 4  # that are looked for
MAX_NAMED = 10  # ids that a message names
DIGITS = 32
HEX = re.compile(r"[0-9a-f]+")


def shorten(job_id: str) -> str:
    """Return a part of an id that, but for a rare chance, no other job's id ends with."""
    return job_id[-SHOWN_CHARS:]


def find_id(connection: Connection, part: str) -> str:
    """Return the whole id of the job whose id begins or ends with this part.

    An id that is whole is returned as it is, whether there is such a job or not. Raises
    ``JobNotFound`` and ``AmbiguousId``.
    """
    text = part.strip().lower()
    if is_id(text):
        return text
    digits = text.replace("-", "")
    if len(digits) < MIN_CHARS or len(digits) > DIGITS or not HEX.fullmatch(digits):
        raise JobNotFound(
            f"No job has the id {part}: it is a UUID, or {MIN_CHARS} or more characters of its "
            "beginning or its end."
        )
    found = sorted(set(_find_like(connection, digits)))
    match found:
        case []:
            raise JobNotFound(f"No job has an id that begins or ends with {part}.")
        case [job_id]:
            return job_id
        case _:
            more = " and others" if len(found) > MAX_NAMED else ""
            listed = ", ".join(found[:MAX_NAMED])
            raise AmbiguousId(f"Several jobs have ids like {part}: {listed}{more}. Say more of it.")


def _find_like(connection: Connection, digits: str) -> Iterator[str]:
    lowest, highest = (to_id(digits, filler=filler) for filler in "0f")
    end = to_id(digits, filler=" ", is_end=True).lstrip(" -")
    for table in (tables.job, tables.history):
        column = table.c.id
        ends = sa.cast(column, sa.String(36)).like(f"%{end}")
        for condition in (column.between(lowest, highest), ends):
            query = sa.select(column).where(condition).limit(MAX_NAMED + 1)
            yield from connection.execute(query).scalars()


def to_id(digits: str, *, filler: str, is_end: bool = False) -> str:
    """Return the id that begins with these digits, or ends with them; ``filler`` is the rest."""
    filled = digits.rjust(DIGITS, filler) if is_end else digits.ljust(DIGITS, filler)
    parts = filled[:8], filled[8:12], filled[12:16], filled[16:20], filled[20:]
    return "-".join(parts)
