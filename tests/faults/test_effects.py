"""Consumers are killed and frozen; what a job does in the ZODB happens exactly once."""

from __future__ import annotations

import pytest

from faults.ordeal import Ordeal
from faults.troubles import Freeze
from support.databases import DATABASES

PLACES = [("zeo", kind) for kind in DATABASES] + [
    (kind, "postgresql")
    for kind in ("history-free", "history-preserving")
    if "postgresql" in DATABASES
]


@pytest.mark.parametrize(("storage", "database"), PLACES)
def test_a_job_counts_exactly_once(
    open_storage, open_queue, accept, tmp_path, storage, database
):
    """Whoever dies wherever: the job is run again if and only if its effect isn't there."""
    engine = open_queue(database)
    ordeal = Ordeal(
        name=f"consumers, {storage}, {database}",
        storage=open_storage(storage),
        engine=engine,
        directory=tmp_path,
        troubles=(Freeze(engine, one_in=10),),
    )
    assert accept(ordeal.consume(30)).faults == 0
