"""The ZODB or the queue is restored from an older backup; then all goes on."""

from __future__ import annotations

import shutil

import pytest

from coserver_consumer.model.job import State
from faults.consumer import counting
from faults.journal import Journals
from faults.ordeal import Ordeal, part, took
from faults.places import STRONGEST
from faults.storages import COUNTERS, read
from faults.tally import Row, Tally, read_rows
from support.backups import back_up_queue


@pytest.fixture
def ordeal(zeo_server, open_queue, tmp_path) -> Ordeal:
    """A ZEO server whose file can be replaced, and a queue."""
    return Ordeal(
        name="restores",
        storage=zeo_server[1],
        engine=open_queue(STRONGEST),
        directory=tmp_path,
        kinds="plain",
    )


def work(ordeal: Ordeal, number: int) -> None:
    """Have so many jobs done, or some more, and kill whoever did them in the middle of it."""
    ordeal.add([counting(children=1) for _ in range(2 * number)])
    done = len(completed(ordeal)) + number
    with ordeal.kept(), ordeal.consumers():
        ordeal.wait_for(lambda: len(completed(ordeal)) >= done, what="some jobs")


def completed(ordeal: Ordeal) -> dict[str, Row]:
    """Return the completed jobs."""
    return {row.id: row for row in read_rows(ordeal.engine) if row.state is State.COMPLETED}


def counters(ordeal: Ordeal) -> dict[str, int]:
    """Return how often the effect of each job is in the ZODB."""
    return dict(read(ordeal.storage, lambda root: list(root[COUNTERS].items())))


def write(ordeal: Ordeal) -> None:
    """Change the ZODB as people do: its transactions are newer than all that was lost."""
    db = ordeal.storage.open()
    for number in range(3):
        with db.transaction() as connection:
            connection.root()["others"] = number
    db.close()


def finish(ordeal: Ordeal, name: str, before: set[str]) -> Tally:
    """Let consumers end all jobs, and some new ones.

    Count what is wrong with those that weren't completed before.
    """
    ordeal.add([counting(children=1) for _ in range(part(20))])
    with ordeal.kept(), ordeal.consumers():
        seconds = took(ordeal.wait_ended)
    found, rows = counters(ordeal), read_rows(ordeal.engine)
    later = {row.id for row in rows if row.state is State.COMPLETED} - before
    return Tally(
        name=name,
        kills=0,
        transactions=len(later),
        jobs_without_object=Journals(ordeal.directory).count("missing"),
        duplicates=len(rows) - len({row.id for row in rows}),
        wrong_counters=sum(found.get(job_id) != 1 for job_id in later)
        + sum(number > 1 for number in found.values()),
        undecided=sum(row.state not in (State.COMPLETED, State.DROPPED) for row in rows),
        well_after=seconds,
    )


@pytest.mark.parametrize("writes", [False, True], ids=["at once", "written to"])
def test_an_older_zodb_runs_no_job_that_it_never_had(ordeal, zeo_server, accept, writes):
    """The jobs of lost requests are dropped, and no person is needed for the others."""
    server, _ = zeo_server
    [file] = (ordeal.directory / "zeo").rglob("*.fs")
    work(ordeal, part(20))
    server.stop()
    shutil.copy(file, file.with_suffix(".backup"))
    server.start()
    work(ordeal, part(20))
    before = set(completed(ordeal))
    server.stop()
    for leftover in file.parent.glob(f"{file.name}*"):
        leftover.unlink()
    shutil.copy(file.with_suffix(".backup"), file)
    server.start()
    if writes:
        write(ordeal)
    tally = finish(ordeal, f"an older ZODB, {'written to' if writes else 'at once'}", before)
    assert accept(tally).faults == 0


def test_an_older_queue_has_no_effect_twice(ordeal, accept):
    """What the ZODB has of it is completed, the rest is done."""
    work(ordeal, part(20))
    restore = back_up_queue(ordeal.engine)
    work(ordeal, part(20))
    done = counters(ordeal)
    restore()
    assert len(completed(ordeal)) < len(done)
    assert accept(finish(ordeal, "an older queue", set())).faults == 0
