"""Telling how jobs have ended outside of Zope: each event in a transaction of its own."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from enum import Enum, auto

import transaction
from ZODB.POSException import StorageError

from collective.coserver.database.engine import read
from collective.coserver.events.job_events import tell_end
from collective.coserver.publication.freshness import Behind, catch_up
from collective.coserver.publication.run_token import verify_signature
from collective.coserver.services.events.place import at_site_of
from coserver_consumer.model.errors import StoreError, Unsigned
from coserver_consumer.model.told_event import EventReport, JobEnd
from coserver_consumer.store import manage

logger = logging.getLogger("collective.coserver")

TELL_FOR_S = 10.0  # after which no further event is begun with
COMMITS = 3  # of an event that meets conflicts


class Told(Enum):
    """What became of one event."""

    TOLD = auto()
    FAILED = auto()  # a subscriber raised an error, or what it wrote couldn't be committed
    LATER = auto()  # nothing was tried


def tell(event_ids: Sequence[int]) -> EventReport:
    """Tell events, the rows with these ids; those that are gone count as told.

    What they are is read from the database: whoever asks doesn't say it. Raises ``StoreError`` and
    ``StorageError`` if the queue's database or the ZODB can't be read.
    """
    end = time.monotonic() + TELL_FOR_S
    ends = read(lambda connection: manage.find_job_ends(connection, event_ids))
    found = {each.id: each for each in ends}
    made = {each: Told.TOLD for each in event_ids if each not in found}
    for event_id, each in found.items():
        if time.monotonic() >= end:
            break
        made[event_id] = _tell(each)
    transaction.begin()
    return EventReport(
        told=tuple(each for each, what in made.items() if what is Told.TOLD),
        failed=tuple(each for each, what in made.items() if what is Told.FAILED),
    )


def _tell(end: JobEnd) -> Told:
    """Tell one event; whatever its subscribers do harms no other."""
    job = end.job
    try:
        verify_signature(job)
        catch_up(job)
        with at_site_of(job):
            for attempt in transaction.manager.attempts(COMMITS):
                with attempt:
                    tell_end(job)
    except Unsigned as error:
        logger.warning("Nobody is told that job %s is %s: %s", job.id, job.state, error)
        return Told.TOLD
    except (Behind, StoreError, StorageError) as error:
        logger.debug("That job %s is %s is told later: %s", job.id, job.state, error)
        return Told.LATER
    except BaseException:  # a subscriber's sys.exit() is a failure like any
        logger.exception("That job %s is %s couldn't be told.", job.id, job.state)
        return Told.FAILED
    return Told.TOLD
