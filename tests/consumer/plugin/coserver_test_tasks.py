"""Tasks for the tests, in a distribution of their own as a plugin is."""

import ctypes
import fcntl
import logging
import os
import signal
import sys
import time
from pathlib import Path

from coserver_consumer.model.outcome import Completed
from coserver_consumer.retry import Backoff, RetryPolicy

kept = []


def echo(job, **args):
    """Return the arguments."""
    return args


def gate(job, directory, *, heed=True):
    """Leave a file named after job and attempt, then wait until the file ``open`` is there."""
    place = Path(directory)
    (place / f"{job.id}.{job.attempt}").touch()
    while not (place / "open").exists():
        if heed:
            job.check_cancelled()
        time.sleep(0.02)
    job.progress(0.5, "half")
    return {"attempt": job.attempt}


def fail(job):
    """Raise an exception."""
    raise ValueError("the sea is too wide")


def stumble(job, kind):
    """Raise an exception of that name; another attempt helps against one that ebbs."""
    raise {"ebb": TimeoutError, "rock": ValueError}[kind](kind)


stumble.retry = RetryPolicy(
    max_attempts=7, backoff=Backoff(base=0.1, cap=0.1, floor=0), on=(OSError,)
)


def crash(job):
    """End the consumer as the kernel does when memory is short."""
    os.kill(os.getpid(), signal.SIGKILL)


def snooze(job, path):
    """Ask for another run the first time, and come to an end the second."""
    if not Path(path).exists():
        Path(path).touch()
        job.snooze(0.1)
    return {"attempt": job.attempt}


def hog(job):
    """Let no other thread of the process have its turn: C code that keeps Python's lock."""
    ctypes.PyDLL(None).sleep(600)


def swell(job, megabytes):
    """Keep memory that nobody gives back."""
    kept.append(b"x" * megabytes * 1_000_000)


def mutter(job):
    """Print, as code does that was never meant to run as a job."""
    print("this isn't a report")  # noqa: T201  it is what the test is about
    return os.getpid()


def alone(job, path, *, seconds=0.0):
    """Hold a file's lock, which the kernel takes from a process that dies; note if it was held."""
    with Path(path).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            Path(f"{path}.overlap").touch()
            raise
        time.sleep(seconds)


def note(job, path):
    """Write a line that nobody takes back."""
    with Path(path).open("a") as file:
        file.write(f"{job.id}\n")


def rest(job, seconds):
    """Take a while."""
    time.sleep(seconds)


def clock(job):
    """Return what time it is here."""
    return time.time()


class _Broken(logging.Handler):
    """A handler as programs have: its ``emit`` doesn't see to its own errors."""

    def emit(self, record):
        """Fail."""
        raise OSError("no space left on the log's device")


def break_log(job):
    """Have a handler that can't write get all records, as an error tracker that is away does."""
    logging.getLogger().addHandler(_Broken())


def close_errors(job, how="close"):
    """Close standard error or lead it elsewhere, as code does that makes itself a daemon."""
    match how:
        case "close":
            sys.stderr.close()
        case "close its file":
            os.close(sys.stderr.fileno())
        case "replace its file":
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def close_files(job, seconds=0):
    """Close all files, as code does that makes itself a daemon, and go on for so long."""
    os.closerange(3, 4096)
    time.sleep(seconds)


def claim_written(job):
    """Say that the database knows the end of this job, which only Zope's transaction can."""
    return Completed(result="done", is_written=True)
