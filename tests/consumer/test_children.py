"""Jobs with children, and jobs that end their process: nothing stuck, nothing doubled."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from coserver_consumer.model.job import State
from support.waiting import PATIENCE, wait_for

FOR_EVER = {"COSERVER_DEAD_AFTER": "600", "COSERVER_MAX_RESCUES": "100"}


@pytest.fixture
def database_url(sqlite_url):
    """What is here doesn't depend on the kind of database."""
    return sqlite_url


# a signal comes before the child has done anything
BORN = """
import os, signal
from coserver_consumer.processes.forks import guard_children
signal.signal(signal.SIGTERM, lambda *_: None)
os.register_at_fork(after_in_child=lambda: os.kill(os.getpid(), signal.SIGTERM))
guard_children()
pid = os.fork()
if not pid:
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
print(signal.pthread_sigmask(signal.SIG_BLOCK, []))
"""


# another thread is at writing as the child begins, and goes on only here
WRITING = """
import os, select, sys, threading
from types import SimpleNamespace
from coserver_consumer.processes.forks import end_in_children

def attempt(current):
    if pid := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    return SimpleNamespace(traceback="Traceback\\n", error="Error")

threading.Thread(target=sys.stderr.write, args=("x" * 1_000_000,), daemon=True).start()
while select.select([], [2], [], 0)[1]:
    pass
os.write(1, str(end_in_children(attempt)(None)).encode())
os._exit(0)
"""


def noted(gate) -> set[int]:
    """Return the ids of the processes that have come to the gate."""
    return {int(each.suffix[1:]) for each in gate.directory.glob("pid.*")}


def is_alive(pid: int) -> bool:
    """Return True while a process of that id does anything."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kill_with_children(pid: int) -> None:
    """Kill a process, which may have ended, and what it has started."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for each in [*process.children(recursive=True), process]:
            each.kill()


def test_a_job_may_have_a_pool_of_processes(start_consumer, client, jobs, gate):
    """Which end as they do in any program, by a signal too."""
    start_consumer()
    gate.open()
    job_id = client.add("test.pool", {"directory": str(gate.directory)})
    assert jobs.wait_completed(job_id).result == [True, True]
    assert not [pid for pid in noted(gate) if is_alive(pid)]


def test_a_signal_that_comes_as_a_child_begins_ends_it():
    """A pool ends its children so when there was too little to do; it would wait for ever."""
    done = subprocess.run([sys.executable, "-c", BORN], stdout=subprocess.PIPE, check=True)
    assert done.stdout.split() == [b"-15", b"set()"]


def test_a_child_ends_though_another_thread_was_writing():
    """Nobody is left in the child to free the lock of its standard error."""
    command, buffered = [sys.executable, "-c", WRITING], os.environ | {"PYTHONUNBUFFERED": ""}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, env=buffered) as process:
        try:
            assert process.stdout.read1() == b"1"
        finally:
            kill_with_children(process.pid)


@pytest.mark.parametrize(("task", "processes"), [("test.pool", 2), ("test.fork", 2)])
def test_a_killed_process_is_replaced_whatever_its_job_has_started(
    start_consumer, client, jobs, gate, task, processes
):
    """The children hold its pipes; they end with it, and the job runs anew."""
    consumer = start_consumer(**FOR_EVER)
    [worker] = psutil.Process(consumer.pid).children()
    job_id = client.add(task, {"directory": str(gate.directory)})
    wait_for(lambda: len(noted(gate)) == processes, what="the children")
    left = noted(gate)
    worker.send_signal(signal.SIGKILL)
    wait_for(lambda: client.get(job_id).rescues == 1, what="the job to be given back")
    wait_for(lambda: not [pid for pid in left if is_alive(pid)], what="the children to end")
    gate.open()
    assert jobs.wait_completed(job_id).attempt == 1
    assert consumer.stop() == 0


def test_a_consumer_ends_on_sigterm_whatever_its_jobs_have_started(
    start_consumer, client, jobs, gate
):
    """A child that outlives its job ends with the process."""
    consumer = start_consumer()
    gate.open()
    jobs.wait_completed(client.add("test.fork", {"directory": str(gate.directory)}))
    consumer.send(signal.SIGTERM)
    assert consumer.wait(within=PATIENCE) == 0
    wait_for(lambda: not [pid for pid in noted(gate) if is_alive(pid)], what="the child to end")


def test_a_forked_child_that_goes_on_ends_where_its_task_ends(
    start_consumer, client, jobs, tmp_path
):
    """It runs none of the jobs that wait, and ends none."""
    consumer = start_consumer("--threads", "1")
    notes, others = tmp_path / "notes", []
    for how, code in (("returns", 0), ("raises", 1), ("exits", 1)):
        forking = client.add("test.fork_and_go_on", {"how": how})
        others += client.add_many("test.note", [{"path": str(notes)}] * 20)
        assert jobs.wait_completed(forking).result == code
    for job_id in others:
        assert jobs.wait_completed(job_id).rescues == 0
    assert sorted(notes.read_text().split()) == sorted(others)
    assert consumer.stop() == 0


def test_a_program_that_a_job_starts_reads_nothing_of_ours(start_consumer, client, jobs):
    """What the supervisor says isn't for it; it finds an empty file."""
    consumer = start_consumer()
    assert jobs.wait_completed(client.add("test.read_input")).result == 0
    assert consumer.stop() == 0


def test_jobs_are_back_at_once_whatever_a_job_ends_its_process_with(
    start_consumer, client, jobs, gate, tmp_path
):
    """Also with the exit codes of an end in good order."""
    consumer = start_consumer(**FOR_EVER)
    neighbour = client.add("test.gate", gate.args | {"heed": False})
    for number, code in enumerate((0, 75, 1), start=1):
        wait_for(lambda: client.get(neighbour).state is State.RUNNING, what="the neighbour")
        path = str(tmp_path / f"left.{code}")
        job_id = client.add("test.leave", {"code": code, "path": path})
        job = jobs.wait_completed(job_id)
        assert (job.attempt, job.rescues) == (1, 1)
        wait_for(
            lambda number=number: client.get(neighbour).rescues == number, what="the neighbour"
        )
        assert f"ended by itself with exit code {code};" in consumer.output()
    gate.open()
    assert jobs.wait_completed(neighbour).attempt == 1


WRITES_A_LINE_AND_FORKS = """
import os, select, threading
from coserver_consumer.runtime.logs import consumer_logs, log_output
from coserver_consumer.processes.forks import guard_children

log_output.configure("info")
guard_children()
threading.Thread(target=lambda: consumer_logs.threads(["x" * 300_000]), daemon=True).start()
while select.select([], [2], [], 0)[1]:
    pass  # a pipe takes a part of it, and then the line waits for somebody to read
os.write(1, b"now")
pid = os.fork()
if not pid:
    consumer_logs.threads(["the child was here"])
    os._exit(0)
os.waitpid(pid, 0)
"""


def test_no_child_is_forked_in_the_middle_of_a_log_line():
    """The log would be locked in it, by a thread that it hasn't got."""
    program = [sys.executable, "-c", WRITES_A_LINE_AND_FORKS]
    buffered, pipe = os.environ | {"PYTHONUNBUFFERED": ""}, subprocess.PIPE
    with subprocess.Popen(program, stdout=pipe, stderr=pipe, env=buffered) as process:
        try:
            assert process.stdout.read(3) == b"now"
            wait_for(lambda: has_forked_or_waits(process.pid), what="the fork")
            _, said = process.communicate(timeout=PATIENCE)
        finally:
            kill_with_children(process.pid)
    assert b"the child was here" in said
    assert process.returncode == 0


def has_forked_or_waits(pid: int) -> bool:
    """Return True once the process has a child, or its main thread has fallen asleep before it."""
    state = Path(f"/proc/{pid}/task/{pid}/stat").read_text().rpartition(") ")[2][0]
    return state == "S" or bool(psutil.Process(pid).children())
