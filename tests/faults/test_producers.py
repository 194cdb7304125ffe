"""Producers are killed at every step of a commit and at random moments."""

from __future__ import annotations

import pytest

from faults.ordeal import Ordeal
from support.databases import DATABASES

PLACES = [("zeo", kind) for kind in DATABASES] + [
    (kind, "postgresql")
    for kind in ("history-free", "history-preserving")
    if "postgresql" in DATABASES
]


@pytest.mark.parametrize(("storage", "database"), PLACES)
def test_a_job_exists_if_and_only_if_its_object_does(
    open_storage, open_queue, accept, tmp_path, storage, database
):
    """Whoever dies wherever: once it is resolved, jobs and objects are the same."""
    ordeal = Ordeal(
        name=f"producers, {storage}, {database}",
        storage=open_storage(storage),
        engine=open_queue(database),
        directory=tmp_path,
    )
    assert accept(ordeal.produce(30)).faults == 0
