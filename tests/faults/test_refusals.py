"""A database refuses to write, or stands still, while jobs end that have done their work.

Others are queued and run all the time. With ``make faults`` it lasts longer than everybody's lease;
the table says how long it takes until all is well again.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import Engine

from coserver_consumer import Client, store
from coserver_consumer.model.job import State
from demo import ready
from demo.processes import Process
from faults.load import Load, find_states, loaded
from faults.refusing import Trouble, cases
from support.databases import DATABASES, upgrade
from support.jobs import Jobs
from support.waiting import wait_for

LONG = "COSERVER_FAULTS_KILLS" in os.environ
SECONDS = 80 if LONG else 12
NUMBER = 6  # jobs whose endings can't be told
PLUGIN = Path(__file__).parents[1] / "consumer" / "plugin"
PAYLOAD = 100_000  # bytes of each of them: more than tables have room for without growing
MANY = 50  # jobs
AWAY = "The database is away"
DEAD_AFTER = 45 if LONG else 8
ENVIRONMENT = {
    "PYTHONPATH": os.pathsep.join([str(PLUGIN), *sys.path]),
    "COSERVER_HEARTBEAT_EVERY": "1",
    "COSERVER_DEAD_AFTER": str(DEAD_AFTER),
    "COSERVER_POLL_MAX": "0.2",
    "COSERVER_THREADS": str(NUMBER + 2),
}


@pytest.fixture(params=cases(DATABASES))
def troubled(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Trouble]]:
    """The address of a queue, and what troubles it."""
    trouble, open_queue = request.param
    with ExitStack() as stack:
        url, act = open_queue(stack, tmp_path, trouble)
        upgrade(url)
        yield url, act


@pytest.fixture
def consumers(troubled: tuple[str, Trouble], tmp_path: Path) -> Iterator[list[Process]]:
    """Two consumers, which are ready."""
    made = [make_consumer(troubled[0], name, tmp_path) for name in ("one", "two")]
    try:
        for consumer in made:
            consumer.start()
        yield made
    finally:
        for consumer in made:
            consumer.kill()


@pytest.fixture
def engine(troubled: tuple[str, Trouble]) -> Iterator[Engine]:
    """An engine on the queue."""
    engine = store.open_engine(troubled[0])
    yield engine
    engine.dispose()


def test_what_ends_meanwhile_is_completed_once(
    troubled: tuple[str, Trouble],
    consumers: list[Process],
    engine: Engine,
    tmp_path: Path,
    record_refusal: Callable[[float], None],
) -> None:
    """Nothing is stuck, nothing is run again, and nobody has to do anything."""
    gate = tmp_path / "gate"
    gate.mkdir()
    jobs, client = Jobs(engine), Client(engine)
    args, payload = {"directory": str(gate)}, os.urandom(PAYLOAD)
    ids = client.add_many("test.gate", [args] * NUMBER, payload=payload)
    wait_for(lambda: len(list(gate.iterdir())) == NUMBER, what="the jobs to run")
    with loaded(client, tmp_path / "notes") as load:
        wait_to_rise(load)
        with troubled[1]():
            (gate / "open").touch()
            last(SECONDS, consumers, load)
        began = time.monotonic()
        found = [jobs.wait_ended(job_id, within=200) for job_id in ids]
        record_refusal(time.monotonic() - began)
        wait_to_rise(load)
    jobs.wait_idle()
    assert {(job.state, job.attempt, job.rescues) for job in found} == {(State.COMPLETED, 1, 0)}
    assert sorted(path.name for path in gate.iterdir()) == sorted(
        ["open", *(f"{job_id}.1" for job_id in ids)]
    )
    check(load, set(find_states(engine).items()) - {(job_id, State.COMPLETED) for job_id in ids})
    for consumer in consumers:
        assert consumer.stop() == 0
        assert "Traceback" not in consumer.output()


def last(seconds: float, consumers: list[Process], load: Load) -> None:
    """Return when endings and jobs were refused, but not before so long: it is the fault itself.

    Who has nothing to write that needs room isn't refused by a full disk.
    """
    end = time.monotonic() + seconds
    wait_for(lambda: any(AWAY in each.output() for each in consumers), what="a refused ending")
    wait_for(lambda: load.refusals, what="a refused job")
    time.sleep(max(0, end - time.monotonic()))


def wait_to_rise(load: Load) -> None:
    """Return when many more jobs of the load have been queued."""
    before = len(load.queued)
    wait_for(lambda: len(load.queued) > before + MANY, what="more jobs to be queued")


def check(load: Load, ended: set[tuple[str, State]]) -> None:
    """Every job that was queued was completed, and has run once."""
    assert {state for _, state in ended} == {State.COMPLETED}
    assert load.runs() == Counter(job_id for job_id, _ in ended)
    assert set(load.queued) <= load.runs().keys()


def make_consumer(url: str, name: str, directory: Path) -> Process:
    """Return a consumer with the tests' tasks."""
    return Process(
        name,
        [Path(sys.executable).with_name("coserver"), "run", "--name", name],
        log=directory / f"{name}.log",
        ready=ready.log_says("is ready"),
        environment={"COSERVER_DATABASE": url, **ENVIRONMENT},
    )


@pytest.fixture
def record_refusal(request: pytest.FixtureRequest) -> Callable[[float], None]:
    """Say at the end of the run how many seconds it took until all was well."""
    name = request.node.callspec.id

    def record(seconds: float) -> None:
        request.node.user_properties.append(("well after", round(seconds, 1)))
        sys.stderr.write(f"{name}, for {SECONDS} s: well {seconds:.1f} s after its end\n")

    return record
