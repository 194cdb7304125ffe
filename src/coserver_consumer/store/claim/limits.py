"""How many jobs may run at once: by queue, by concurrency key, and by time.

Nothing counts up and down, so nothing can drift: what runs is counted where it is written, in the
rows of the running jobs, of which there are never more than threads. See ``admission`` for how a
claim keeps to the limits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.model.errors import InvalidJob, UnknownLimit
from coserver_consumer.model.exception_text import brief_text
from coserver_consumer.model.job import MAX_COUNT
from coserver_consumer.model.texts import is_storable
from coserver_consumer.model.value_types import WholeNumber
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.clock import SECOND, Now

EVERY_KEY = "*"  # the name of the limit of every key that no other limit fits
DEFAULT_MAX_RUNNING = 1
NAME_MAX_LENGTH = 190  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """At most ``max_running`` jobs at once of each key that ``name`` fits; None: any number.

    ``name`` is a key, or the beginning of keys with a ``*`` behind it.
    """

    name: str
    max_running: int | None

    def fits(self, key: str) -> bool:
        """Return True if the limit is one of this key's."""
        if self.name.endswith("*"):
            return key.startswith(self.name[:-1])
        return key == self.name


def limits(connection: Connection) -> list[Limit]:
    """Return all limits, sorted by name; that of every other key is always among them."""
    columns = (tables.limit.c.name, tables.limit.c.max_running)
    rows = connection.execute(sa.select(*columns).order_by(tables.limit.c.name))
    found = [Limit(**row) for row in rows.mappings()]
    if any(limit.name == EVERY_KEY for limit in found):
        return found
    return [Limit(name=EVERY_KEY, max_running=DEFAULT_MAX_RUNNING), *found]


def find_limit(known: Iterable[Limit], key: str) -> Limit:
    """Return the limit of a key: the most specific one that fits it."""
    return max((limit for limit in known if limit.fits(key)), key=_rank)


def _rank(limit: Limit) -> tuple[bool, int]:
    return not limit.name.endswith("*"), len(limit.name)


def max_running(known: Iterable[Limit], key: str) -> int | None:
    """Return how many jobs of the key may run at once, None for any number."""
    return find_limit(known, key).max_running


def set_limit(connection: Connection, name: str, max_running: int | None) -> None:
    """Set a limit, for a key or for all keys that begin with what stands before a ``*``."""
    if not 0 < len(name) <= NAME_MAX_LENGTH or "*" in name[:-1] or not is_storable(name):
        raise InvalidJob(
            f"'{brief_text(name)}' can't name a limit: it is a key, or the "
            f"beginning of keys and a '*', of up to {NAME_MAX_LENGTH} characters."
        )
    if max_running is not None:
        WholeNumber(least=0, most=MAX_COUNT).read("A limit", max_running)
    values = {"max_running": max_running}
    changed = sa.update(tables.limit).where(tables.limit.c.name == name).values(**values)
    if not connection.execute(changed).rowcount and not _has_limit(connection, name):
        connection.execute(sa.insert(tables.limit).values(name=name, **values))


def remove_limit(connection: Connection, name: str) -> None:
    """Forget a limit; that of every other key is 1 then. Raise ``UnknownLimit``."""
    if name == EVERY_KEY:
        set_limit(connection, name, DEFAULT_MAX_RUNNING)
        return
    if not _has_limit(connection, name):
        said = brief_text(name)
        raise UnknownLimit(f"No limit is called '{said}'; `coserver limits list` shows them.")
    connection.execute(sa.delete(tables.limit).where(tables.limit.c.name == name))


def count_running(connection: Connection) -> tuple[Counter[str], Counter[str]]:
    """Return how many jobs run now, by queue and by concurrency key."""
    of_queues, of_keys = Counter[str](), Counter[str]()
    for queue, key, number in connection.execute(_RUNNING):
        of_queues[queue] += number
        of_keys[key] += number
    return of_queues, of_keys


def count_starts(connection: Connection, queue: str, period: float) -> int:
    """Return how many jobs of the queue have begun in the last ``period`` seconds."""
    at = tables.start.c
    begun = sa.select(sa.func.coalesce(sa.func.sum(at.number), 0)).where(
        at.queue == queue, at.at > Now() - round(period * SECOND)
    )
    return int(connection.execute(begun).scalar_one())


def _has_limit(connection: Connection, name: str) -> bool:
    query = sa.select(tables.limit.c.name).where(tables.limit.c.name == name)
    return connection.execute(query).first() is not None


# A job that runs, or whose effect is being committed, has a consumer; there is an index of these.
_RUNNING = (
    sa.select(tables.job.c.queue, tables.job.c.concurrency_key, sa.func.count())
    .where(tables.job.c.consumer.is_not(None))
    .group_by(tables.job.c.queue, tables.job.c.concurrency_key)
)
