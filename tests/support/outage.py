"""Jobs in numbers that wait for Zope, and what a consumer has to say meanwhile."""

from __future__ import annotations

import os

from coserver_consumer import store
from coserver_consumer.model.job import Job, State
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.options import JobOptions
from coserver_consumer.protocol.signing import sign
from coserver_consumer.store import enqueue
from demo.processes import Process
from support.installation import SECRET, Installation
from support.jobs import Jobs

NUMBER = int(os.environ.get("COSERVER_OUTAGE_JOBS", "200"))
SECONDS = float(os.environ.get("COSERVER_OUTAGE_SECONDS", "0"))  # beside what Zope needs to start


def find_pattern(installation: Installation) -> Job:
    """Return a job that a request has queued, for others to be made like it."""
    return installation.jobs.wait_completed(installation.queue("@@test-who-am-i"))


def queue_many(jobs: Jobs, like: Job, queue: str, number: int = NUMBER) -> list[str]:
    """Queue so many jobs like this one; return their ids."""
    jobs.add_queue(queue)
    plain = {name: getattr(like, name) for name in ("task", "args", "owner", "site", "origin")}
    made = [sign(NewJob(**plain, options=JobOptions(queue=queue)), SECRET) for _ in range(number)]
    return store.write(jobs.engine, lambda connection: enqueue.add_many(connection, made))


def find_all(jobs: Jobs, ids: list[str]) -> list[Job]:
    """Return the jobs as they are now."""
    return [jobs.get(job_id) for job_id in ids]


# What a consumer of the tests is warned of at its start, or hears of one that a test has killed.
KNOWN = ("The secret repeats itself", "Task http is off", "is dead and was removed")


def complaints(process: Process) -> list[str]:
    """Return the lines of its log that somebody should read."""
    lines = process.output().splitlines()
    serious = [line for line in lines if " WARNING " in line or " ERROR " in line]
    return [line for line in serious if not any(known in line for known in KNOWN)]


def are_untouched(jobs: list[Job]) -> bool:
    """Return True if none of them was tried."""
    return {(job.state, job.attempt, job.rescues) for job in jobs} == {(State.READY, 0, 0)}
