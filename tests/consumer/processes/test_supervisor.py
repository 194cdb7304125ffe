"""A supervisor with real worker processes, which die, hang and wear out."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from queue import SimpleQueue

import psutil
import pytest
import sqlalchemy as sa

from coserver_consumer import store
from coserver_consumer.model.job import State
from coserver_consumer.processes.control import Report, ReportKind
from coserver_consumer.processes.exit_codes import FAILED
from coserver_consumer.processes.supervisor import Received, Supervisor
from coserver_consumer.settings.settings import Settings, is_number
from coserver_consumer.store.schema import tables
from support.waiting import PATIENCE, wait_for

FOR_EVER = {"COSERVER_DEAD_AFTER": "600", "COSERVER_HEARTBEAT_EVERY": "0.2"}
HASTY = {"COSERVER_KILL_AFTER": "0.1", **FOR_EVER}


@pytest.fixture
def database_url(sqlite_url):
    """What is here doesn't depend on the kind of database."""
    return sqlite_url


def workers(consumer) -> list[psutil.Process]:
    """Return the worker processes of a consumer."""
    return psutil.Process(consumer.pid).children()


def count_ready(consumer) -> int:
    """Return how many worker processes have become ready up to now."""
    return consumer.output().count("Consumer is ready")


def hold(client, gate, **options) -> str:
    """Queue a job that stands at the gate whatever it is told; return its id when it does."""
    job_id = client.add("test.gate", gate.args | {"heed": False}, **options)
    wait_for(lambda: gate.reached(job_id), what="the job to run")
    return job_id


def test_so_many_processes_run_as_the_settings_say(start_consumer, client, jobs, consumers):
    """Each is a consumer to the others, with a name of its own."""
    consumer = start_consumer("--processes", "3", name="many")
    wait_for(lambda: count_ready(consumer) == 3, what="three processes")
    assert {each.name for each in consumers()} == {"many/1", "many/2", "many/3"}
    assert len(workers(consumer)) == 3
    assert consumer.stop() == 0
    assert not consumers()


@pytest.mark.parametrize("processes", ["1", "2"])
def test_the_jobs_of_a_killed_process_are_given_back_at_once(
    start_consumer, client, jobs, gate, processes
):
    """By a brother or by its successor, long before its lease is over."""
    consumer = start_consumer("--processes", processes, **FOR_EVER)
    wait_for(lambda: count_ready(consumer) == int(processes), what="the processes")
    job_id = hold(client, gate)
    busy = wait_for(lambda: [each for each in jobs.consumers() if each.running], what="a heartbeat")
    pid = busy[0].pid
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: client.get(job_id).rescues == 1, what="the job to be given back")
    gate.open()
    assert jobs.wait_completed(job_id).attempt == 1
    wait_for(lambda: count_ready(consumer) == int(processes) + 1, what="a new process")
    assert f"(pid {pid}) ended by itself with signal 9" in consumer.output()


def test_a_killed_job_whose_process_dies_first_is_cancelled(start_consumer, client, jobs, gate):
    """It has no timeout that it could have outrun; the next process takes it back, and lives."""
    consumer = start_consumer(COSERVER_KILL_AFTER="600", **FOR_EVER)
    wait_for(lambda: count_ready(consumer) == 1, what="the process")
    job_id = hold(client, gate)
    client.cancel(job_id, kill=True)
    [worker] = workers(consumer)
    worker.kill()
    assert jobs.wait_ended(job_id).state is State.CANCELLED
    wait_for(lambda: count_ready(consumer) == 2, what="a new process")
    assert "Traceback" not in consumer.output()


def test_a_job_that_hangs_fails_and_its_neighbours_run_again(start_consumer, client, jobs, gate):
    """The process is killed for the one; the others' attempts aren't counted."""
    consumer = start_consumer(**HASTY)
    neighbour = hold(client, gate)
    hung = hold(client, gate, timeout=0.3, max_attempts=1)
    job = jobs.wait_ended(hung)
    assert (job.state, job.attempt) == (State.FAILED, 1)
    assert "longer than its timeout of 0.3 s" in job.error
    gate.open()
    job = jobs.wait_completed(neighbour)
    assert (job.attempt, job.rescues) == (1, 0)
    assert "ended by itself" not in consumer.output()


def test_a_job_that_hangs_is_tried_again_if_it_may(start_consumer, client, jobs, gate):
    """Its attempt has failed as any other does."""
    start_consumer(**HASTY)
    job_id = hold(client, gate, timeout=0.5, max_attempts=2)
    wait_for(lambda: jobs.count_errors(job_id) == 1, what="the first attempt to fail")
    gate.open()
    assert jobs.wait_completed(job_id).attempt == 2


def test_a_cancelled_job_that_does_not_heed_it_is_killed_on_request(
    start_consumer, client, jobs, gate
):
    """And never before somebody insists."""
    start_consumer(**HASTY)
    job_id = hold(client, gate)
    client.cancel(job_id)
    wait_for(lambda: client.get(job_id).cancel_at, what="the request")
    assert client.cancel(job_id, kill=True) is State.RUNNING
    job = jobs.wait_ended(job_id)
    assert job.state is State.CANCELLED
    assert "was killed" in job.error


def test_a_process_whose_threads_get_no_turn_is_killed(start_consumer, client, jobs):
    """Its job was given back by others or by its successor, and fails in the end."""
    consumer = start_consumer(COSERVER_DEAD_AFTER="4", COSERVER_MAX_RESCUES="1")
    job = jobs.wait_ended(client.add("test.hog"), within=60)
    assert job.state is State.FAILED
    assert "was silent for" in consumer.output()


def test_a_process_that_lives_is_not_taken_for_silent(start_consumer, client, jobs):
    """However short a silence is to mean that it is dead."""
    consumer = start_consumer(COSERVER_DEAD_AFTER="1.5")
    job = jobs.wait_completed(client.add("test.rest", {"seconds": 5}))
    assert (job.attempt, job.rescues) == (1, 0)
    assert "was silent for" not in consumer.output()


def test_a_job_that_kills_its_process_again_and_again_fails(start_consumer, client, jobs):
    """The consumer outlives it, and has not paused for it."""
    consumer = start_consumer(**FOR_EVER)
    job = jobs.wait_ended(client.add("test.crash"))
    assert (job.state, job.rescues) == (State.FAILED, 3)
    assert "takes its place in" not in consumer.output()
    assert jobs.wait_completed(client.add("test.echo"))


def test_no_process_outlives_its_supervisor(start_consumer, client, consumers):
    """It gives its jobs back and ends, as on a SIGTERM."""
    consumer = start_consumer()
    [worker] = workers(consumer)
    os.kill(consumer.pid, signal.SIGKILL)
    worker.wait(timeout=PATIENCE)
    assert not consumers()
    assert "the supervisor is gone: no new jobs" in consumer.output()


def test_a_worn_process_is_replaced_by_the_number_of_its_jobs(start_consumer, client, jobs):
    """Its successor is ready before it ends, and no job is lost or run twice."""
    consumer = start_consumer("--max-jobs", "10", "--threads", "1")
    ids = client.add_many("test.mutter", [{} for _ in range(25)])
    pids = {jobs.wait_completed(job_id).result for job_id in ids}
    wait_for(lambda: count_ready(consumer) >= 2, what="a successor")
    later = jobs.wait_completed(client.add("test.mutter"))
    wait_for(lambda: "its successor is ready" in consumer.output(), what="the old one to end")
    assert later.attempt == 1
    assert pids


def test_a_worn_process_is_replaced_by_its_memory(start_consumer, client, jobs):
    """The successor begins small."""
    consumer = start_consumer("--max-memory", "150000000")
    [before] = workers(consumer)
    jobs.wait_completed(client.add("test.swell", {"megabytes": 150}))
    before.wait(timeout=PATIENCE)
    [after] = workers(consumer)
    assert after.memory_info().rss < 100 * 10**6
    assert "of memory (setting max_memory)" in consumer.output()


def test_what_a_job_prints_goes_to_the_log(start_consumer, client, jobs):
    """Standard output is the line to the supervisor."""
    consumer = start_consumer()
    jobs.wait_completed(client.add("test.mutter"))
    wait_for(lambda: "this isn't a report" in consumer.output(), what="the log")
    assert consumer.stop() == 0


def test_sighup_brings_new_settings_into_force(start_consumer, client, jobs, tmp_path):
    """Running jobs are waited for, whatever the grace is."""
    Path("coserver.toml").write_text('queues = ["default"]\n')
    consumer = start_consumer("--grace", "0", COSERVER_CONFIG=str(tmp_path / "coserver.toml"))
    Path("coserver.toml").write_text('queues = ["default", "mail"]\nprocesses = 2\n')
    consumer.send(signal.SIGHUP)
    wait_for(lambda: count_ready(consumer) == 3, what="two more processes")
    assert jobs.wait_completed(client.add("test.echo", queue="mail")).attempt == 1
    wait_for(lambda: len(workers(consumer)) == 2, what="the first one to end")


@pytest.mark.parametrize("wrong", ["threads = 0\n", 'database = "sqlite:////nowhere/x.sqlite"\n'])
def test_sighup_with_wrong_settings_changes_nothing(
    make_consumer, database_url, client, jobs, tmp_path, wrong
):
    """Whether they can't be read or no process can work with them."""
    file = tmp_path / "coserver.toml"
    file.write_text(f'database = "{database_url}"\n')
    consumer = make_consumer("", COSERVER_CONFIG=str(file))
    consumer.start()
    [before] = workers(consumer)
    file.write_text(f'database = "{database_url}"\n{wrong}' if "threads" in wrong else wrong)
    consumer.send(signal.SIGHUP)
    wait_for(lambda: "the old ones stay" in consumer.output(), what="the log")
    assert jobs.wait_completed(client.add("test.echo"))
    assert workers(consumer) == [before]


def test_sigusr1_tells_what_each_thread_does(start_consumer, client, gate):
    """Job threads with their jobs, and where they are."""
    consumer = start_consumer()
    job_id = hold(client, gate)
    consumer.send(signal.SIGUSR1)
    wait_for(lambda: f": job {job_id} (test.gate), for" in consumer.output(), what="the log")
    wait_for(lambda: "coserver_test_tasks.py" in consumer.output(), what="the stack")
    assert "Thread claimer: " in consumer.output()


def test_a_consumer_of_one_process_ends_with_a_job_that_hangs(start_consumer, client, gate):
    """With the exit code that asks for another start; the job has failed."""
    consumer = start_consumer(COSERVER_PROCESSES="0", **HASTY)
    job_id = hold(client, gate, timeout=0.3, max_attempts=1)
    assert consumer.wait() == 75
    assert client.get(job_id).state is State.FAILED


def test_a_consumer_of_one_process_ends_when_it_is_worn(start_consumer, client, jobs):
    """With the same exit code, and nothing left behind."""
    consumer = start_consumer("--max-jobs", "1", COSERVER_PROCESSES="0")
    jobs.wait_completed(client.add("test.echo"))
    assert consumer.wait() == 75


@pytest.mark.parametrize("task", ["test.break_log", "test.close_errors"])
def test_a_log_that_cannot_be_written_stops_no_job(start_consumer, client, jobs, task):
    """Neither the one that broke it, nor those that come after: a line isn't worth a job."""
    start_consumer(**FOR_EVER)
    jobs.wait_ended(client.add(task))
    later = client.add_many("test.echo", [{}] * 3)
    wait_for(
        lambda: all(client.get(each).state is State.COMPLETED for each in later),
        what="the jobs behind it",
        within=15,
    )


@pytest.mark.parametrize("how", ["close", "close its file", "replace its file"])
@pytest.mark.parametrize("processes", ["0", "1"])
def test_the_log_goes_on_when_a_job_has_closed_standard_error(
    start_consumer, client, jobs, how, processes
):
    """Each line is where it would have been."""
    consumer = start_consumer(COSERVER_PROCESSES=processes, **FOR_EVER)
    for task, args in (("test.close_errors", {"how": how}), ("test.echo", {})):
        job_id = client.add(task, args)
        jobs.wait_completed(job_id)
        wait_for(lambda job_id=job_id: f"Job {job_id} " in consumer.output(), what="its line")
    assert consumer.stop() == 0


def has(pid, mask, name):
    """Return True if that mask of a process, SigBlk or SigCgt, has the signal."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
    bits = next(line for line in status.splitlines() if line.startswith(mask)).split()[1]
    return bool(int(bits, 16) >> (signal.Signals[name] - 1) & 1)


@pytest.fixture
def launch(make_consumer, database_url):
    """Start a consumer and return while it holds its signals, or just after it obeys them."""

    def start(mask, *flags, **environment):
        consumer = make_consumer(database_url, *flags, **environment)
        consumer.launch()
        end = time.monotonic() + 20
        while not has(consumer.pid, mask, "SIGHUP") and time.monotonic() < end:
            time.sleep(0.001)
        return consumer

    return start


@pytest.mark.parametrize("mask", ["SigBlk", "SigCgt"])
@pytest.mark.parametrize("name", ["SIGHUP", "SIGUSR1"])
def test_a_consumer_that_starts_outlives_a_signal(launch, name, mask):
    """As at a ``systemctl reload`` right behind a ``systemctl restart``."""
    consumer = launch(mask)
    consumer.send(signal.Signals[name])
    consumer.wait_ready()
    assert consumer.stop() == 0


@pytest.mark.parametrize("mask", ["SigBlk", "SigCgt"])
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("processes", ["0", "1"])
def test_a_consumer_that_starts_can_be_stopped(launch, name, mask, processes):
    """In good order, without a word about pipes: by systemd, or by Ctrl-C."""
    consumer = launch(mask, "--processes", processes)
    consumer.send(signal.Signals[name])
    assert consumer.wait() == 0
    assert "Traceback" not in consumer.output()


def test_a_whole_group_of_processes_that_starts_can_be_stopped(launch):
    """A terminal's Ctrl-C and systemd's KillMode=control-group mean all of them."""
    consumer = launch("SigCgt")
    os.killpg(consumer.pid, signal.SIGINT)
    assert consumer.wait() == 0
    assert "Traceback" not in consumer.output()


def find_worker(consumer, *others):
    """Return a worker process that is none of these once it is there, as psutil knows it."""

    def look():
        for child in psutil.Process(consumer.pid).children():
            with suppress(psutil.Error):
                if "coserver_consumer.processes.entry" in child.cmdline() and child not in others:
                    return child
        return None

    return wait_for(look, what="a worker process")


def test_sighup_while_a_process_starts_is_obeyed_when_it_is_ready(launch, consumers, tmp_path):
    """Settings that were changed a moment too late aren't forgotten."""
    settings = tmp_path / "coserver.toml"
    settings.write_text('queues = ["one"]')
    consumer = launch("SigCgt", "--config", str(settings))
    worker = find_worker(consumer)
    worker.suspend()
    settings.write_text('queues = ["two"]')
    consumer.send(signal.SIGHUP)
    time.sleep(0.3)
    worker.resume()
    wait_for(
        lambda: [each.queues for each in consumers()] == [("two",)], what="the changed settings"
    )


def test_a_second_sighup_while_the_first_is_obeyed_brings_the_last_settings(
    start_consumer, consumers, tmp_path
):
    """Not those that the successor was started with."""
    settings = tmp_path / "coserver.toml"
    settings.write_text('queues = ["one"]')
    consumer = start_consumer("--config", str(settings))
    first = find_worker(consumer)
    settings.write_text('queues = ["two"]')
    consumer.send(signal.SIGHUP)
    successor = find_worker(consumer, first)
    successor.suspend()
    settings.write_text('queues = ["three"]')
    consumer.send(signal.SIGHUP)
    wait_for(lambda: consumer.output().count("read anew") == 2, what="the second reading")
    successor.resume()
    wait_for(
        lambda: [each.queues for each in consumers()] == [("three",)], what="the last settings"
    )


LARGEST = {
    f"COSERVER_{setting.name.upper()}": str(setting.metadata["le"])
    for setting in fields(Settings)
    if is_number(setting) and setting.name not in ("processes", "threads", "poll_min")
}


def test_the_largest_numbers_work(start_consumer, client, jobs):
    """No loop breaks on one; threads and processes would take the machine."""
    consumer = start_consumer(**LARGEST | {"COSERVER_POLL_MAX": "0.2"})
    jobs.wait_completed(client.add("test.echo"))
    time.sleep(0.5)
    assert "Loop" not in consumer.output()
    assert "ERROR" not in consumer.output()
    assert consumer.stop() == 0


@pytest.mark.parametrize("seconds", [0, 60])
def test_a_process_whose_files_a_job_has_closed_is_replaced(
    start_consumer, client, jobs, consumers, seconds
):
    """It can neither tell the database nor hear its supervisor, and writes into strange files."""
    consumer = start_consumer(COSERVER_MAX_RESCUES="1", **FOR_EVER)
    first = consumers()[0].pid
    job_id = client.add("test.close_files", {"seconds": seconds})
    ended = jobs.wait_ended(job_id)
    assert ended.state is State.FAILED
    assert [each.pid for each in consumers()] != [first]
    assert "has closed files that aren't its own" in consumer.output()
    jobs.wait_completed(client.add("test.echo"))
    assert consumer.stop() == 0


def test_a_consumer_of_one_process_ends_when_a_job_has_closed_its_files(start_consumer, client):
    """Whoever started it starts it again."""
    consumer = start_consumer(COSERVER_PROCESSES="0")
    client.add("test.close_files")
    assert consumer.wait() == 1
    assert "has closed files that aren't its own" in consumer.output()


def test_a_plugin_cannot_say_that_its_ending_is_written(start_consumer, client, jobs):
    """Its job would stay running for ever."""
    start_consumer(**FOR_EVER)
    assert jobs.wait_completed(client.add("test.claim_written")).result == "done"


def test_a_consumer_that_gives_up_ends_its_other_processes(database_url, logging_as_before):
    """The first process ends before it is ready, and a successor has been started already."""
    settings, events = Settings(database=database_url), SimpleQueue()
    supervisor = Supervisor(settings, lambda: settings, events)
    engine = store.open_engine(database_url)
    with ThreadPoolExecutor(1) as threads:
        with engine.begin() as connection:
            connection.execute(sa.delete(tables.audit))  # no other can write and become ready
            ended = threads.submit(supervisor.run)
            [first] = wait_for(lambda: list(supervisor._workers), what="the first process")
            events.put(Received(first, Report(kind=ReportKind.WORN, detail="of its memory")))
            wait_for(lambda: len(list(supervisor._workers)) == 2, what="its successor")
            os.kill(first.pid, signal.SIGKILL)
            wait_for(lambda: not psutil.pid_exists(first.pid), what="its end")
        assert ended.result(timeout=PATIENCE) == FAILED
    assert not list(supervisor._workers)
    engine.dispose()
