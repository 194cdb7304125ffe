"""What a ``coserver run`` process does whatever its database is."""

from __future__ import annotations

import signal
import subprocess
import sys

import psutil
import pytest

from coserver_consumer.model.job import State
from support.databases import fresh_database
from support.freezing import freeze
from support.waiting import wait_for

AS_BY_DEFAULT = {
    "COSERVER_POLL_MAX": "1",
    "COSERVER_HEARTBEAT_EVERY": "10",
    "COSERVER_DEAD_AFTER": "45",
}


@pytest.fixture
def database_url(sqlite_url):
    """One kind of database is enough here."""
    return sqlite_url


def test_a_job_that_snoozes_goes_on_later(start_consumer, client, jobs, tmp_path):
    """And its attempt isn't counted."""
    start_consumer()
    job_id = client.add("test.snooze", {"path": str(tmp_path / "snoozed")})
    assert jobs.wait_completed(job_id).result == {"attempt": 1}


def test_who_stood_still_rescues_from_nobody_who_did_too(
    start_consumer, client, jobs, consumers, gate
):
    """A machine that was suspended: the first to wake up leaves the others time to do so."""
    often = {
        "COSERVER_PROCESSES": "0",
        "COSERVER_HEARTBEAT_EVERY": "2",
        "COSERVER_DEAD_AFTER": "6",
    }
    sleeper = start_consumer(name="sleeper", **often)
    job_id = client.add("test.gate", gate.args)
    wait_for(lambda: gate.reached(job_id), what="the job to run")
    early = start_consumer(name="early", **often)
    for process in (sleeper, early):
        freeze(process, process.environment["COSERVER_DATABASE"])
    wait_for(lambda: all(each.is_dead(6) for each in consumers()), what="both to look dead")
    early.send(signal.SIGCONT)
    wait_for(lambda: any(not each.is_dead(6) for each in consumers()), what="one to be awake")
    wait_for(
        lambda: any(1 < each.age < 6 for each in consumers()), what="it to have looked for the dead"
    )
    sleeper.send(signal.SIGCONT)
    wait_for(lambda: not any(each.is_dead(6) for each in consumers()), what="both to be awake")
    gate.open()
    assert jobs.wait_completed(job_id).rescues == 0


def test_a_job_of_an_unknown_task_waits(start_consumer, client, jobs):
    """For a consumer that knows it: it is neither claimed nor failed."""
    start_consumer()
    unknown = client.add("soap")
    jobs.wait_completed(client.add("test.echo"))
    assert client.get(unknown).state is State.READY


def test_a_second_signal_stops_now(start_consumer, client, gate):
    """Long before the grace is over."""
    consumer = start_consumer("--grace", "600")
    running = client.add("test.gate", gate.args | {"heed": False})
    wait_for(lambda: gate.reached(running), what="the job to run")
    consumer.send(signal.SIGINT)
    wait_for(lambda: "SIGINT: no new jobs" in consumer.output(), what="the log")
    consumer.send(signal.SIGTERM)
    assert consumer.wait() == 0
    assert client.get(running).state is State.READY


def test_the_queues_of_the_settings_become_known(start_consumer, client, jobs):
    """And are served in their order."""
    start_consumer("--queues", "mail,news")
    assert jobs.wait_completed(client.add("test.echo", queue="news"))


def test_a_wrong_setting_stops_the_start(make_consumer, database_url):
    """One line that names the key, and exit code 2."""
    consumer = make_consumer(database_url, "--threads", "none")
    consumer.launch()
    assert consumer.wait() == 2
    assert "'threads' in the flags is wrong" in consumer.output()
    assert "Traceback" not in consumer.output()


def test_missing_tables_stop_the_start(make_consumer, tmp_path):
    """With the command that makes them, and exit code 1."""
    with fresh_database("sqlite", tmp_path) as url:
        consumer = make_consumer(url)
        consumer.launch()
        assert consumer.wait() == 1
    assert "run `coserver init`" in consumer.output()


def test_neither_command_line_nor_consumer_import_zope(tmp_path):
    """Neither for --help nor to run; with Plone installed beside them."""
    code = (
        "import sys\n"
        "from coserver_consumer.cli import COMMANDS, main\n"
        "import coserver_consumer.processes.supervisor, coserver_consumer.diagnosis.doctor\n"
        "import click\n"
        "for name in COMMANDS: main.get_command(click.Context(main), name)\n"
        "from coserver_consumer.settings.settings import Settings\n"
        "from coserver_consumer.tasks.context import TaskContext\n"
        "from coserver_consumer.tasks.registry import load_registry\n"
        "settings = Settings(database='sqlite:///x', secret='s' * 32)\n"
        "assert 'view' in load_registry(TaskContext(settings=settings)).names\n"
        "tops = {name.partition('.')[0] for name in sys.modules}\n"
        "print(sorted(tops & {'zope', 'Zope2', 'ZODB', 'ZEO', 'persistent', 'transaction',"
        " 'plone', 'Products', 'collective', 'pydantic', 'alembic', 'rich'}))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_an_idle_consumer_is_quiet(start_consumer):
    """Under 1 % of a core, when it looks once in a second.

    The best of several spells counts: what else the machine does makes each look cost more.
    """
    consumer = start_consumer(**AS_BY_DEFAULT)
    supervisor = psutil.Process(consumer.pid)
    processes = [supervisor, *supervisor.children()]

    def is_quiet():
        for process in processes:
            process.cpu_percent()
        psutil.wait_procs(processes, timeout=4)
        return sum(process.cpu_percent() for process in processes) < 1

    wait_for(is_quiet, what="a quiet spell", within=30)
