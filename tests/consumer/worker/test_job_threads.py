"""The threads that run jobs, where one has ended against all care."""

from __future__ import annotations

import sys

import pytest

from coserver_consumer.model.job import State
from coserver_consumer.model.lifecycle import complete
from coserver_consumer.model.retry import Backoff
from coserver_consumer.runtime.database import Database
from coserver_consumer.worker.dispatch_queue import DispatchQueue
from coserver_consumer.worker.inflight import InFlight
from coserver_consumer.worker.job_threads import JobThreads
from coserver_consumer.worker.prefetch import Prefetch
from coserver_consumer.worker.runner import Runner
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
