"""Tasks for the tests, in a distribution of their own as a plugin is."""

import ctypes
import os
import signal
import time
from pathlib import Path

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
