"""Where a claimer goes on, and when it looks for what has come in before that."""

from __future__ import annotations

import time

from coserver_consumer import store
from coserver_consumer.store.claim.take import BEGINNING, mark_of
from coserver_consumer.store.claim.watermark import LONGEST, MARK_LASTS, Place

MARK = (7, "01980cf2-53a1-7000-8000-0123456789ab")


def test_a_search_goes_on_behind_the_mark_for_a_while():
    """Then it begins at the beginning."""
    place = Place(mark=MARK)
    assert place.start(10) == BEGINNING
    place.note_search(10, 0.001)
    assert place.start(10 + MARK_LASTS / 2) == MARK
    assert place.start(10 + MARK_LASTS) == BEGINNING


def test_a_search_that_takes_long_is_made_seldom():
    """However little it finds, it has a twentieth of the time."""
    place = Place(mark=MARK)
    place.note_search(10, 0.1)
    place.drop_mark()
    assert place.start(11.9) == MARK
    assert place.start(12.1) == BEGINNING


def test_an_urgent_job_never_waits_for_long():
    """Even if a search takes a second."""
    place = Place(mark=MARK)
    place.note_search(10, 1)
    assert place.start(10 + LONGEST) == BEGINNING


def test_a_search_that_takes_no_time_is_made_whenever_there_is_little():
    """An idle consumer sees at once what comes in before its mark."""
    place = Place(mark=MARK)
    place.note_search(10, 0.001)
    place.drop_mark()
    assert place.start(10) == BEGINNING


def test_a_look_begins_where_the_claims_are(queue):
    """It walks over nothing that is gone; what comes in behind the mark is seen at once."""
    queue.put()
    [job] = queue.take()
    places = store.Places()
    place = places.of("default")
    place.mark = mark_of(job)
    place.note_search(time.monotonic(), 60)

    def has_ready() -> bool:
        return queue.look(["default"], places=places).has_work

    queue.put(priority=100)
    assert not has_ready()
    queue.put()
    assert has_ready()


def test_a_look_from_the_beginning_sees_all(queue):
    """It is as good as a search, and noted as one."""
    queue.put(priority=100)
    places = store.Places()
    assert queue.look(["default"], places=places).has_work
    assert places.of("default").start(time.monotonic()) == BEGINNING
