"""Where a claimer goes on, and when it looks for what has come in before that."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from coserver_consumer.store import claim
from coserver_consumer.store.claim.take import BEGINNING, position_of
from coserver_consumer.store.claim.watermark import (
    REUSE_MAX_S,
    WATERMARK_MIN_S,
    Cursor,
    Search,
    Watermark,
)
from coserver_consumer.store.schema.tables import MINUTE

HERE = (7, "01980cf2-53a1-7000-8000-0123456789ab")
FURTHER = (8, "01980cf2-53a1-7000-8000-0123456789ab")
NOW, FOREVER = 10.0, 1e9


def search(start: tuple[int, str], took: float = 0.001) -> Search:
    """Return a search that began now."""
    return Search(start=start, began=NOW, took=took)


def mark(valid_until: float = 0.0, *, is_costly: bool = False, **kw: Any) -> Watermark:
    """Return a watermark."""
    return Watermark(**{"position": HERE, **kw}, valid_until=valid_until, is_costly=is_costly)


@pytest.mark.parametrize(
    ("before", "snapshot", "after"),
    [
        # A cheap one from the beginning is made whenever there is little, a costly one seldom.
        (mark(), search(BEGINNING), mark()),
        (mark(), search(BEGINNING, took=0.1), mark(NOW + 2, is_costly=True)),
        (mark(), search(BEGINNING, took=60), mark(NOW + REUSE_MAX_S, is_costly=True)),
        # It was costly and is cheap again.
        (mark(NOW, is_costly=True), search(BEGINNING), mark()),
        # What lies before the watermark wasn't looked at.
        (mark(FOREVER), search(HERE), mark(FOREVER)),
        (mark(FOREVER), search(HERE, took=60), mark(FOREVER)),
    ],
)
def test_a_watermark_after_a_snapshot(before, snapshot, after):
    """One from the beginning renews it."""
    assert before.after(snapshot) == after


FULL, SHORT, NONE = [FURTHER, FURTHER], [FURTHER], []


@pytest.mark.parametrize(
    ("before", "claim", "taken", "after"),
    [
        # As many as were wanted: the next search begins behind them, for a while.
        (mark(), search(BEGINNING), FULL, mark(NOW + WATERMARK_MIN_S, position=FURTHER)),
        (mark(FOREVER), search(HERE), FULL, mark(FOREVER, position=FURTHER)),
        # Fewer: the next one begins at the beginning, unless that takes too long.
        (mark(), search(BEGINNING), SHORT, mark(position=FURTHER)),
        (mark(FOREVER), search(HERE), SHORT, mark(position=FURTHER)),
        (mark(FOREVER), search(HERE), NONE, mark()),
        (mark(), search(BEGINNING, took=0.1), NONE, mark(NOW + 2, is_costly=True)),
        (
            mark(FOREVER, is_costly=True),
            search(HERE),
            SHORT,
            mark(FOREVER, is_costly=True, position=FURTHER),
        ),
    ],
)
def test_a_watermark_after_a_claim(before, claim, taken, after):
    """It stands at the last job that was taken."""
    jobs = [SimpleNamespace(run_at=rank, priority=0, id=job_id) for rank, job_id in taken]
    assert before.after_claim(claim, jobs, wanted=len(FULL)) == after


def test_a_search_goes_on_behind_the_watermark_for_a_while():
    """Then it begins at the beginning."""
    assert Watermark().start(NOW) == BEGINNING
    assert mark(NOW).start(NOW - 0.1) == HERE
    assert mark(NOW).start(NOW) == BEGINNING


def test_a_position_is_a_jobs_rank_and_id(queue):
    """Priority is a head start of minutes."""
    queue.put(priority=3)
    [job] = queue.take()
    assert position_of(job) == (job.run_at - 3 * MINUTE, job.id)


def test_a_snapshot_begins_where_the_claims_are(queue):
    """It walks over nothing that is gone; what comes in behind the watermark is seen at once."""
    queue.put()
    [job] = queue.take()
    starts = {"default": position_of(job)}
    queue.put(priority=100)
    assert not queue.read_snapshot(["default"], starts=starts).has_work
    queue.put()
    assert queue.read_snapshot(["default"], starts=starts).has_work


def test_a_snapshot_from_the_beginning_sees_all(queue):
    """It is as good as a search, and says how long it took."""
    queue.put(priority=100)
    snapshot = queue.read_snapshot(["default"])
    assert snapshot.has_work
    [search] = snapshot.searches.values()
    assert search.start == BEGINNING
    assert search.began <= time.monotonic()
    assert search.took > 0


def test_cursors_follow_a_snapshot_in_the_queues_that_it_searched():
    """The others stay where they are."""
    cursors = claim.Cursors()
    cursors.of("slow").watermark = cursors.of("other").watermark = mark()
    now = time.monotonic()
    cursors.follow({"slow": Search(start=BEGINNING, began=now, took=60)})
    assert cursors.of("other") == Cursor(watermark=mark())
    assert cursors.starts(["slow", "other"]) == {"slow": HERE, "other": BEGINNING}
