"""The runs that a Zope process is at, as values."""

from __future__ import annotations

import pytest

from collective.coserver.publication import inflight
from collective.coserver.publication.inflight import AtWork, InFlightRuns, OutOfDate
from coserver_consumer.model.job import RunKey
from coserver_consumer.protocol.run_state import RunState

FIRST, SECOND = RunKey("a", 1), RunKey("a", 2)


@pytest.fixture
def runs() -> InFlightRuns:
    """The runs of a process that has just started."""
    return InFlightRuns()


def test_no_job_has_two_runs_at_work(runs: InFlightRuns) -> None:
    """The later one isn't let in, and the earlier one is told to stop."""
    runs.begin(FIRST)
    assert not runs.is_stopped(FIRST)
    with pytest.raises(AtWork, match="Run 1 of job a is still at work"):
        runs.begin(SECOND)
    assert runs.is_stopped(FIRST)
    assert not runs.is_stopped(SECOND)
    runs.end(FIRST, RunState.ENDED)
    runs.begin(SECOND)
    assert (runs.state(FIRST), runs.state(SECOND)) == (RunState.ENDED, RunState.AT_WORK)


def test_a_run_is_let_in_once(runs: InFlightRuns) -> None:
    """Whoever has seen its token on the way gains nothing; but the publisher may begin anew."""
    runs.begin(FIRST)
    with pytest.raises(OutOfDate):
        runs.begin(FIRST)
    runs.begin(FIRST, is_retry=True)
    runs.end(FIRST, RunState.COMPLETED)
    with pytest.raises(OutOfDate):
        runs.begin(FIRST)
    assert runs.state(FIRST) is RunState.COMPLETED


def test_a_run_that_was_told_to_stop_before_it_came_is_not_let_in(runs: InFlightRuns) -> None:
    """Its consumer has left, and the job may be at work elsewhere."""
    runs.stop(FIRST)
    assert runs.state(FIRST) is RunState.UNKNOWN
    with pytest.raises(OutOfDate, match="was told to stop"):
        runs.begin(FIRST)
    runs.begin(SECOND)


def test_earlier_runs_are_told_to_stop_as_well(runs: InFlightRuns) -> None:
    """Whoever asks about a run hears of the one that is in its way."""
    runs.begin(FIRST)
    runs.stop(SECOND)
    assert runs.state(SECOND) is RunState.EARLIER
    assert runs.is_stopped(FIRST)


def test_only_so_many_are_remembered(runs: InFlightRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest is forgotten first."""
    monkeypatch.setattr(inflight, "MAX_REMEMBERED", 2)
    for number in range(3):
        key = RunKey(str(number), 1)
        runs.begin(key)
        runs.end(key, RunState.ENDED)
    states = [runs.state(RunKey(str(number), 1)) for number in range(3)]
    assert states == [RunState.UNKNOWN, RunState.ENDED, RunState.ENDED]
