"""Jobs wait, and lose no attempt, while no Zope can run them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from coserver_consumer import store
from coserver_consumer.diagnosis.why import explain
from coserver_consumer.model.errors import ZopeUnavailable
from coserver_consumer.model.job import Job, State
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.options import JobOptions
from coserver_consumer.settings.settings import Settings
from coserver_consumer.store import enqueue
from coserver_consumer.zope.service import Services
from demo import ready
from demo.instance import write_settings
from demo.ports import free_port
from demo.processes import Process, ProcessFailed
from demo.stack import SCRIPTS
from support.clocks import set_clock
from support.databases import DATABASES
from support.http_server import serve
from support.installation import SECRET, Installation
from support.jobs import Jobs
from support.outage import SECONDS, are_untouched, complaints, find_all, find_pattern, queue_many
from support.proxy import Proxy
from support.waiting import wait_for

EVIDENCE = "/@@coserver-evidence"
TRIES = 10


@pytest.fixture
def waiting(installation: Installation, request: pytest.FixtureRequest) -> Iterator[str]:
    """A queue that only the consumer of the test serves."""
    name = request.node.name.split("[")[0].removeprefix("test_")[:60]
    yield name
    for each, process in installation.stack.processes.items():
        if each.startswith("away"):
            process.stop()


def start(installation: Installation, queue: str, *flags: str, **changes: str) -> Process:
    """Start a consumer of the queue with some settings changed."""
    file = installation.stack.directory / f"{queue}.toml"
    write_settings(file, installation.stack.settings | changes)
    name = f"away-{queue}"
    return installation.stack.start_consumer(name, "--queues", queue, "--config", str(file), *flags)


def start_behind(installation: Installation, queue: str) -> Process:
    """Start a consumer of the queue on a machine whose clock is an hour behind."""
    stack, name = installation.stack, f"away-{queue}"
    return stack.start(
        Process(
            name,
            [str(SCRIPTS / "coserver"), "run", "--name", name, "--queues", queue],
            log=stack.log(name),
            ready=ready.log_says("ready"),
            environment=stack.environment | set_clock(-3600),
        )
    )


def why(jobs: Jobs, job_id: str) -> str:
    """Return why the job doesn't run."""
    return store.read(jobs.engine, lambda connection: explain(connection, job_id))


def test_a_deployment_costs_no_attempt(
    installation: Installation, jobs: Jobs, waiting: str
) -> None:
    """Zope is stopped and started again while jobs wait: the log says it in one line each."""
    like, url = find_pattern(installation), installation.job_zope_url
    consumer = start(installation, waiting)
    installation.job_zope.stop()
    ids = queue_many(jobs, like, waiting)
    said = f"Zope can't run jobs: {url}: no connection"
    wait_for(lambda: said in why(jobs, ids[0]), what="the reason")
    assert f"{consumer.name} leaves call, view, xmlrpc alone: Zope can't run jobs: {url}" in (
        installation.stack.coserver("status")
    )
    time.sleep(SECONDS)
    assert are_untouched(find_all(jobs, ids))
    installation.job_zope.start()
    jobs.wait_idle(waiting)
    done = find_all(jobs, ids)
    assert {(job.state, job.attempt) for job in done} == {(State.COMPLETED, 1)}
    assert len(complaints(consumer)) <= 1 + SECONDS / 60
    assert consumer.output().count(f"Zope at {url} can run jobs again") == 1


@pytest.mark.parametrize(("name", "said"), [("zope2", "502"), ("zeo", "ZODB")])
def test_the_resolver_says_once_that_it_has_to_wait(
    installation: Installation, jobs: Jobs, waiting: str, name: str, said: str
) -> None:
    """It asks time and again what became of a request that died, and its log has one line."""
    committed = jobs.wait_completed(installation.make_document()["job_id"])
    proxy, queue = Proxy(installation.job_zope_url), f"{waiting}-{name}"
    with serve(proxy) as server:
        consumer = start(installation, queue, zope_url=server.url, resolve_every="0.1")
        with away(installation, name):
            before = proxy.asked.count(EVIDENCE)
            job_id = stage_as_if_dead(jobs, committed, queue)
            wait_for(lambda: proxy.asked.count(EVIDENCE) - before >= TRIES, what="its tries")
        wait_for(lambda: jobs.get(job_id).state is State.READY, what="a decision")
    [line] = [line for line in complaints(consumer) if "requests that died" in line]
    assert said in line
    assert "Traceback" not in consumer.output()


def stage_as_if_dead(jobs: Jobs, committed: Job, queue: str) -> str:
    """Stage a job of a request that has committed and died before it could say so."""
    jobs.add_queue(queue)
    job = NewJob(task="http", options=JobOptions(queue=queue))
    evidence = {"database": "main", "base_tid": committed.tid}
    store.write(
        jobs.engine,
        lambda connection: enqueue.stage(
            connection, [job], batch=committed.batch, evidence=evidence
        ),
    )
    return job.id


@contextmanager
def away(installation: Installation, name: str) -> Iterator[None]:
    """A process of the installation is stopped for a while; Zope can run jobs again at the end."""
    process = installation.stack.processes[name]
    process.stop()
    try:
        yield
    finally:
        process.start()
        for instance in installation.stack.instances:
            wait_for(lambda url=instance.url: can_run_jobs(url), what="a Zope that can run jobs")


def can_run_jobs(url: str) -> bool:
    """Return True if the Zope there says so: it reaches its ZEO server and the queue."""
    settings = Settings(database="sqlite:///x", secret=SECRET, zope_url=(url,))
    try:
        return bool(Services(settings).greet(url))
    except ZopeUnavailable:
        return False


@pytest.mark.parametrize("way", ["http", "zodb"])
def test_a_zeo_server_that_is_away_costs_no_attempt(
    installation: Installation, jobs: Jobs, waiting: str, way: str
) -> None:
    """Nothing is claimed until it is back, though Zope itself answers."""
    like, queue = find_pattern(installation), f"{waiting}-{way}"
    if way == "http":
        start(installation, queue)
    else:
        installation.start_zodb_consumer(f"away-{queue}", queue=queue)
    with away(installation, "zeo"):
        wait_for(lambda: is_held_up(jobs, queue), what="the consumer to notice", within=120)
        ids = queue_many(jobs, like, queue, 20)
        wait_for(lambda: "ZEO server" in why(jobs, ids[0]), what="the reason")
        assert are_untouched(find_all(jobs, ids))
    jobs.wait_idle(queue)
    done = find_all(jobs, ids)
    assert {(job.state, job.attempt) for job in done} == {(State.COMPLETED, 1)}


def is_held_up(jobs: Jobs, queue: str) -> bool:
    """Return True if the consumer of the queue says that there is something it can't do."""
    return any(each.unavailable for each in jobs.consumers() if queue in each.queues)


def test_a_consumer_with_another_secret_touches_no_job(
    installation: Installation, jobs: Jobs, waiting: str
) -> None:
    """It says so once, and so does the doctor."""
    consumer = start(installation, waiting, secret=SECRET[::-1])
    ids = queue_many(jobs, find_pattern(installation), waiting, 5)
    said = "it has another secret than this consumer"
    wait_for(lambda: said in why(jobs, ids[0]), what="the reason")
    assert are_untouched(find_all(jobs, ids))
    [line] = complaints(consumer)
    assert said in line
    file = installation.stack.directory / f"{waiting}.toml"
    with pytest.raises(ProcessFailed, match=said):
        installation.stack.coserver("doctor", "--config", file)


def test_a_consumer_of_another_queue_touches_no_job(
    installation: Installation, waiting: str, tmp_path
) -> None:
    """Zope doesn't know it."""
    database = f"sqlite:///{tmp_path / 'other.sqlite'}"
    file = tmp_path / "other.toml"
    write_settings(file, installation.stack.settings | {"database": database})
    installation.stack.coserver("init", "--config", file)
    consumer = start(installation, waiting, database=database)
    [line] = complaints(consumer)
    assert "it uses another queue's database than this consumer" in line


def test_a_wrong_address_is_said_at_the_start(installation: Installation, waiting: str) -> None:
    """Nobody listens there, or somebody else than Zope."""
    consumer = start(installation, waiting, zope_url=f"http://127.0.0.1:{free_port()}")
    [line] = complaints(consumer)
    assert "no connection" in line


@pytest.mark.skipif(DATABASES == ["sqlite"], reason="SQLite's clock is that of its machine")
def test_a_machine_an_hour_behind_runs_jobs(
    installation: Installation, jobs: Jobs, waiting: str
) -> None:
    """Tokens live by the database's clock."""
    consumer = start_behind(installation, waiting)
    ids = queue_many(jobs, find_pattern(installation), waiting, 5)
    jobs.wait_idle(waiting)
    done = find_all(jobs, ids)
    assert {(job.state, job.attempt) for job in done} == {(State.COMPLETED, 1)}
    assert complaints(consumer) == []
