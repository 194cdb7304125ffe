"""The harness catches what it is made to catch: without the commit protocol it counts faults."""

from __future__ import annotations

import pytest

from faults import steps
from faults.ordeal import Ordeal
from faults.places import STRONGEST


@pytest.fixture
def ordeal(open_storage, open_queue, tmp_path):
    """A function that returns a scenario without the protocol."""

    def make(name: str, way: str) -> Ordeal:
        return Ordeal(
            name=f"control: {name}",
            storage=open_storage("zeo"),
            engine=open_queue(STRONGEST),
            directory=tmp_path,
            way=way,
            kinds="plain",
            steps=steps.ONE_PHASE if way == "one-phase" else steps.ZODB,
        )

    return make


def test_one_phase_commits_leave_jobs_without_objects(ordeal, accept):
    """zope.sqlalchemy commits SQL in the vote: who dies then leaves a job for nothing."""
    tally = accept(ordeal("producers with zope.sqlalchemy", "one-phase").produce(30))
    assert tally.jobs_without_object > 0


def test_one_phase_endings_lose_effects(ordeal, accept):
    """A job that is ended in the vote isn't run again, though its effect isn't there."""
    tally = accept(ordeal("endings with zope.sqlalchemy", "one-phase").consume(30))
    assert tally.wrong_counters > 0


def test_endings_that_are_told_afterwards_repeat_effects(ordeal, accept):
    """A job whose end isn't told yet is run again, though its effect is there."""
    tally = accept(ordeal("endings told after the commit", "afterwards").consume(30))
    assert tally.wrong_counters > 0
