"""Who gets which job."""

import subprocess
import sys
from collections import Counter

import sqlalchemy as sa

from coserver_consumer.model.job import State
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.store.schema import tables

CLAIM_ALL = """
import sys
from coserver_consumer import store
from coserver_consumer.model.job import new_id
from coserver_consumer.store.claim import claim
engine, consumer = store.open_engine(sys.argv[1]), new_id()
print("ready", flush=True)
sys.stdin.readline()
while jobs := store.write(engine, lambda c: claim(
        c, consumer=consumer, queues=["default"], tasks=["t"], limit=7)):
    for job in jobs:
        print(job.id)
"""


def test_four_processes_never_get_the_same_job(queue):
    """Many jobs claimed by 4 processes at once: each is seen exactly once.

    SQLite has one writer at a time, and lets those that wait sleep: fewer commits show the same.
    """
    jobs = 400 if queue.engine.dialect.name == "sqlite" else 2000
    ids = queue.add_many([NewJob(task="t") for _ in range(jobs)])
    address = queue.engine.url.render_as_string(hide_password=False)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIM_ALL, address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    seen = [line for process in processes for line in process.communicate()[0].split()]
    assert [process.returncode for process in processes] == [0] * 4
    assert Counter(seen) == Counter(ids)


def test_a_claimed_job_is_running_and_has_its_attempt_counted(queue):
    """Run and attempt go up, the deadline follows from the timeout."""
    queue.put(timeout=2.5)
    (job,) = queue.take()
    assert (job.state, job.run, job.attempt) == (State.RUNNING, 1, 1)
    assert job.deadline_at - job.started_at == 2_500_000
    assert queue.take() == []


def test_jobs_come_in_the_order_of_their_rank(queue):
    """The oldest first; a point of priority is worth a minute of waiting."""
    first, second = queue.put(), queue.put()
    unimportant, urgent = queue.put(priority=-1), queue.put(priority=1)
    order = [queue.take()[0].id for _ in range(4)]
    assert order == [urgent, first, second, unimportant]


def test_a_ready_job_of_the_future_waits(queue):
    """Another program may write run_at and leave the state at its default."""
    with queue.engine.begin() as connection:
        connection.execute(sa.insert(tables.job).values(task="t", run_at=2**57))
    assert queue.take() == []


def test_nothing_starves(queue):
    """A job that has waited longer than the head start of urgent ones goes first."""
    old = queue.put()
    with queue.engine.begin() as connection:
        waited = tables.job.c.run_at - 11 * 60_000_000
        connection.execute(sa.update(tables.job).values(run_at=waited))
    urgent = [queue.put(priority=10) for _ in range(5)]
    assert [job.id for job in queue.take(5)] == [old, *urgent[:4]]


def test_queues_are_served_in_the_order_given(queue):
    """Only queues that were asked for, the first one first."""
    default, mail = queue.put(), queue.put(queue="mail")
    queue.put(queue="other")
    taken = queue.take(5, queues=["mail", "default"])
    assert [job.id for job in taken] == [mail, default]


def test_a_job_of_an_unknown_task_is_left_alone(queue):
    """Another consumer may know it."""
    other = queue.put(task="other")
    assert queue.take(5) == []
    assert queue.get(other).state is State.READY


def test_requirements_choose_the_consumer(queue):
    """A job goes only to who can do all that it requires."""
    plain = queue.put()
    video = queue.put(requires=("linux", "ffmpeg"))
    assert [job.id for job in queue.take(5, capabilities=["linux"])] == [plain]
    capable = queue.take(5, capabilities=["ffmpeg", "gpu", "linux"])
    assert [job.id for job in capable] == [video]


def test_a_claim_waits_for_nobody(queue):
    """While another transaction holds a claimed job, the next one is handed out at once."""
    first, second = queue.put(), queue.put()
    if queue.engine.dialect.name == "sqlite":
        assert [queue.take()[0].id, queue.take()[0].id] == [first, second]
        return
    with queue.engine.begin() as connection:
        connection.execute(
            sa.select(tables.job.c.id).where(tables.job.c.id == first).with_for_update()
        )
        assert [job.id for job in queue.take(5)] == [second]
