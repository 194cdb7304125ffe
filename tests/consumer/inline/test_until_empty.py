"""A program runs jobs itself, with the promises of a consumer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from threading import Thread

import pytest

from coserver_consumer import store
from coserver_consumer.errors import InvalidJob, UnknownQueue, UnknownTask
from coserver_consumer.model.job import State
from coserver_consumer.store import maintain, manage
from support.waiting import PATIENCE, wait_for
from tests.consumer.conftest import PLUGIN

SCRIPT = "import sys, coserver_consumer as c; c.Client(sys.argv[1]).run_until_empty()"


@pytest.fixture(autouse=True)
def _plugin(monkeypatch):
    """The tests' tasks are installed here; another attempt follows soon."""
    monkeypatch.syspath_prepend(str(PLUGIN))
    monkeypatch.setenv("COSERVER_BACKOFF_BASE", "0.1")
    monkeypatch.setenv("COSERVER_HEARTBEAT_EVERY", "0.2")


def test_what_is_ready_is_run_and_what_that_lets_go(client, consumers):
    """Until nothing is ready; it is told how many jobs are in which state then."""
    first, second = client.chain([client.job("test.echo", {"n": n}) for n in range(2)])
    failing = client.add("test.fail", max_attempts=1)
    later = client.add("test.echo", delay=3600)
    foreign = client.add("nobody.has.this")
    assert client.run_until_empty() == {State.COMPLETED: 2, State.FAILED: 1}
    assert [client.get(each).result for each in (first, second)] == [{"n": 0}, {"n": 1}]
    assert client.get(failing).error == "ValueError: the sea is too wide"
    assert (client.get(later).state, client.get(foreign).state) == ("scheduled", "ready")
    assert (client.run_until_empty(), consumers()) == ({}, [])


def test_what_is_due_later_is_waited_for_if_asked_for(sqlite_client):
    """Delayed jobs, and further attempts; what is due already is run in any case."""
    failing = sqlite_client.add("test.fail", max_attempts=2)
    sqlite_client.add("test.echo", delay=0.3)
    assert sqlite_client.run_until_empty(tasks="test.fail") == {State.SCHEDULED: 1}
    done = sqlite_client.run_until_empty(scheduled=True, timeout=PATIENCE)
    assert done == {State.FAILED: 1, State.COMPLETED: 1}
    assert sqlite_client.get(failing).attempt == 2
    with pytest.raises(InvalidJob, match="say a timeout as well"):
        sqlite_client.run_until_empty(scheduled=True)


def test_it_goes_no_further_than_its_bounds(sqlite_client):
    """A number of attempts, a time, the queues and tasks that are named."""
    store.write(sqlite_client._engine, lambda c: manage.add_queues(c, ["mail", "slow"]))
    for queue in ("default", "mail", "slow"):
        sqlite_client.add_many("test.echo", [{}] * 2, queue=queue)
    assert sqlite_client.run_until_empty(timeout=0) == {}
    assert sqlite_client.run_until_empty(queues="mail", max_attempts=1) == {State.COMPLETED: 1}
    assert sqlite_client.run_until_empty(queues=["mail"], tasks=["test.fail"]) == {}
    store.write(sqlite_client._engine, lambda c: manage.pause(c, "slow"))
    assert sqlite_client.run_until_empty() == {State.COMPLETED: 3}
    assert sqlite_client.count(queues="slow", states="ready") == 2
    for wrong, error in (
        ({"queues": "mial"}, UnknownQueue),
        ({"tasks": "test.ehco"}, UnknownTask),
        ({"tasks": ["call"]}, UnknownTask),
        ({"max_attempts": 0}, InvalidJob),
    ):
        with pytest.raises(error):
            sqlite_client.run_until_empty(**wrong)


def test_it_is_a_consumer_with_leases_meanwhile(client, consumers, jobs, gate, engine):
    """Nobody takes its job away, which heeds it if somebody cancels it."""
    job_id, done = client.add("test.gate", gate.args, requires=[sys.platform]), []
    thread = Thread(target=lambda: done.append(client.run_until_empty()), daemon=True)
    thread.start()
    wait_for(lambda: gate.reached(job_id), what="the job to run")
    (consumer,) = consumers()
    assert (jobs.get(job_id).consumer, consumer.threads) == (consumer.id, 1)
    rescue = store.write(engine, lambda c: maintain.rescue(c, dead_after=PATIENCE))
    assert rescue.returned == []
    client.cancel(job_id)
    thread.join(PATIENCE)
    assert (done, jobs.get(job_id).state) == ([{State.CANCELLED: 1}], State.CANCELLED)


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGINT to send")
def test_an_interrupt_gives_back_what_runs(sqlite_url, sqlite_client, gate, consumers_of):
    """Its attempt isn't counted, and the program ends as by any Ctrl-C."""
    job_id = sqlite_client.add("test.gate", gate.args)
    path = os.pathsep.join([str(PLUGIN), *sys.path])
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, sqlite_url],
        env={**os.environ, "PYTHONPATH": path},
        stderr=subprocess.PIPE,
    )
    wait_for(lambda: gate.reached(job_id), what="the job to run")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode != 0
    assert said.decode().rstrip().endswith("KeyboardInterrupt")
    job = sqlite_client.get(job_id)
    assert (job.state, job.attempt, consumers_of(sqlite_client)) == (State.READY, 0, [])


@pytest.fixture
def consumers_of():
    """Return the consumers that a client's database knows."""
    return lambda client: store.read(client._engine, manage.consumers)
