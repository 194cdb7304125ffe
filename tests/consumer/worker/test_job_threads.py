"""The threads that run jobs: nothing that a job does ends one, and one that ends is replaced."""

from __future__ import annotations

import io
import logging
import sys

import pytest

from coserver_consumer.model.job import State
from coserver_consumer.model.lifecycle import complete
from coserver_consumer.model.outcome import Completed
from coserver_consumer.model.retry import Backoff
from coserver_consumer.runtime.database import Database
from coserver_consumer.store import manage
from coserver_consumer.worker.dispatch_queue import DispatchQueue
from coserver_consumer.worker.inflight import InFlight
from coserver_consumer.worker.job_threads import JobThreads
from coserver_consumer.worker.prefetch import Prefetch
from coserver_consumer.worker.runner import Runner
from support import odd_exceptions
from support.waiting import wait_for


class Crew:
    """One thread, which ends with a job that is called bad."""

    def __init__(self, engine) -> None:
        self.in_flight, self.queue = InFlight(), DispatchQueue(1)
        runner = Runner(
            Database(engine),
            self.in_flight,
            Prefetch(),
            attempt=self._attempt,
            backoff=Backoff(base=60, cap=60),
        )
        self.threads = JobThreads(1, self.queue, runner, claim=lambda: None)
        self.threads.start()

    def _attempt(self, current):
        if current.job.title == "bad":
            sys.setprofile(_raise_at_fail)
            raise ValueError
        return complete(current.job)

    def add(self, job) -> None:
        """Hand a job to the thread."""
        self.queue.put(self.in_flight.add([job]), are_tiny=False)

    def is_dead(self) -> bool:
        """Return True if the thread has ended."""
        return not self.threads._threads[0].is_alive()

    def states(self) -> list[State]:
        """Return how the runs ended that have ended, in order."""
        return [each.ending.state for each in self.in_flight.ended()]


def _raise_at_fail(frame, event, argument) -> None:
    """End the thread, as a profiler may that a task leaves behind."""
    if event == "call" and frame.f_code is Runner.fail.__code__:
        raise SystemExit


@pytest.fixture
def crew(engine):
    """A thread that waits for jobs."""
    crew = Crew(engine)
    yield crew
    crew.threads.stop()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_the_run_of_a_thread_that_has_ended_is_told_from_its_successors(crew, make_job):
    """The successor mostly has the same ident, and takes the next run at once."""
    bad = {"title": "bad", "max_attempts": 1}
    for number in range(0, 40, 2):
        crew.add(make_job(run=number, **bad))
        wait_for(crew.is_dead, what="the thread to end")
        crew.add(make_job(run=number + 1))
        crew.threads.replace_dead()
        wait_for(lambda: crew.in_flight.unended() == [], what="both runs to end")
    assert crew.states().count(State.FAILED) == 20
    assert crew.states().count(State.COMPLETED) == 20


class Rogue(logging.Handler):
    """A handler of log lines, as an add-on may have one, that raises instead of writing."""

    def emit(self, record):
        """End the thread that calls it."""
        raise SystemExit


@pytest.fixture
def rogue():
    """Have such a handler called for all that the consumer logs."""
    handler = Rogue()
    logger = logging.getLogger("coserver")
    before = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(before)


@pytest.mark.parametrize("kind", ["mute", "mute exit", "hidden", "interrupt"])
def test_what_goes_wrong_around_an_attempt_fails_it_and_ends_no_thread(make_bench, kind):
    """As many such jobs as threads, twice; then one that works."""

    def work(current):
        if current.job.title == "bad":
            error = odd_exceptions.MAKERS[kind]()
            raise error
        return Completed()

    bench = make_bench(work)
    bad = bench.add(4, title="bad", max_attempts=1)
    good = bench.add()
    bench.worker.start()
    for job_id in bad:
        bench.wait_state(job_id, State.FAILED)
    bench.wait_state(good[0], State.COMPLETED)
    assert "couldn't bring this attempt to an end" in bench.write(manage.get, bad[0]).error
    wait_for(lambda: not bench.worker.at_work(), what="the threads to be idle")


@pytest.fixture
def closed_log():
    """Have the consumer log into a stream that has been closed."""
    stream = io.StringIO()
    stream.close()
    handler = logging.StreamHandler(stream)
    logging.getLogger("coserver").addHandler(handler)
    yield
    logging.getLogger("coserver").removeHandler(handler)


@pytest.mark.usefixtures("closed_log")
@pytest.mark.parametrize("kind", odd_exceptions.MAKERS)
def test_a_log_that_is_closed_ends_no_thread(make_bench, caplog, kind):
    """Python's logging prints what it was about to log, with each exception that is at hand."""

    def work(current):
        if current.job.title == "bad":
            error = odd_exceptions.MAKERS[kind]()
            raise error
        return Completed()

    bench = make_bench(work)
    [bad] = bench.add(title="bad", max_attempts=1)
    bench.worker.start()
    bench.wait_state(bad, State.FAILED)
    wait_for(lambda: not bench.worker.at_work(), what="the threads to be idle")
    bench.wait_state(bench.add()[0], State.COMPLETED)
    assert "has ended and is replaced" not in caplog.text


@pytest.mark.usefixtures("rogue")
def test_no_thread_depends_on_a_log_line(make_bench):
    """Neither those that run jobs, nor the claimer: each goes on nonetheless.

    The one that is bad has the consumer log an error in the thread that ran it.
    """

    def work(current):
        if current.job.title == "bad":
            raise odd_exceptions.Mute
        return Completed()

    bench = make_bench(work)
    bad = bench.add(4, title="bad", max_attempts=1)
    bench.worker.start()
    for job_id in bad:
        bench.wait_state(job_id, State.FAILED)
    for _ in range(3):
        bench.wait_state(bench.add()[0], State.COMPLETED)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_job_thread_that_ends_is_replaced(make_bench, caplog):
    """As many as there are, again and again; their jobs have failed.

    A profiler that a task leaves behind is called in the thread's own code too, and may raise.
    """

    def profile(frame, event, argument):
        if event == "call" and frame.f_code is Runner.fail.__code__:
            raise SystemExit

    def work(current):
        if current.job.title == "bad":
            sys.setprofile(profile)
            raise odd_exceptions.Mute
        return Completed()

    bench = make_bench(work)
    bad = bench.add(6, title="bad", max_attempts=1)
    good = bench.add()
    bench.worker.start()
    for job_id in bad:
        bench.wait_state(job_id, State.FAILED)
        assert "its thread has ended" in bench.write(manage.get, job_id).error
    bench.wait_state(good[0], State.COMPLETED)
    assert "has ended and is replaced" in caplog.text
