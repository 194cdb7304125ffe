"""Tasks that have children, and one that leaves without a word."""

import os
import subprocess
import sys
import time
from pathlib import Path


def leave(job, code, path):
    """End the process the first time, as libraries do that think it is theirs."""
    if not Path(path).exists():
        Path(path).touch()
        os._exit(code)


def pool(job, directory):
    """Have two children wait until the file ``open`` is there."""
    import multiprocessing  # nearly a megabyte, and a test weighs an idle process

    with multiprocessing.get_context("fork").Pool(2) as children:
        return children.map(_wait, [directory, directory])


def fork(job, directory):
    """Have a child go on for ever, beside a parent that waits until the file ``open`` is there."""
    if os.fork() == 0:
        _note(directory)
        time.sleep(600)
    _wait(directory)


def fork_and_go_on(job, how):
    """Return to the consumer on both sides of a fork; the parent, with the child's exit code."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if how == "raises":
        raise ValueError("in the child")
    if how == "exits":
        sys.exit(0)
    return None


def read_input(job):
    """Run a program that reads what comes in, and inherits where from."""
    program = [sys.executable, "-c", "import sys; print(len(sys.stdin.read()))"]
    return int(subprocess.run(program, stdout=subprocess.PIPE, check=True).stdout)


def _wait(directory):
    _note(directory)
    while not (Path(directory) / "open").exists():
        time.sleep(0.02)
    return True


def _note(directory):
    (Path(directory) / f"pid.{os.getpid()}").touch()
