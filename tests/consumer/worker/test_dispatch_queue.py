"""Which threads get the jobs that wait in a worker."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Barrier, Event, Thread, current_thread

import pytest

from coserver_consumer.worker.dispatch_queue import DispatchQueue
from coserver_consumer.worker.run import Run
from support.waiting import PATIENCE, wait_for

THREADS = 4


class Crew:
    """Threads that take runs out of a dispatch queue and do what is wanted with each."""

    def __init__(self, queue: DispatchQueue, make_job) -> None:
        self.queue = queue
        self.make_job = make_job
        self.taken: list[tuple[Run, str]] = []
        self.do = lambda run: None
        self.threads = [Thread(target=self._serve, name=str(n)) for n in range(THREADS)]
        for thread in self.threads:
            thread.start()
        self.wait_idle()

    def _serve(self) -> None:
        while (run := self.queue.get()) is not None:
            self.taken.append((run, current_thread().name))
            self.do(run)

    def wait_idle(self, threads: int = THREADS) -> None:
        """Wait until so many of them are idle."""
        wait_for(lambda: self.queue._idle_threads == threads, what="idle threads")

    def make(self, number: int) -> list[Run]:
        """Return so many runs."""
        return [Run(job, job.key) for job in (self.make_job(run=n) for n in range(number))]

    def wait_taken(self, number: int) -> None:
        """Wait until so many were taken."""
        wait_for(lambda: len(self.taken) == number, what=f"{number} runs to be taken")


@pytest.fixture
def crew(make_job) -> Iterator[Crew]:
    """An idle crew, with nobody who looks for stalls."""
    crew = Crew(DispatchQueue(THREADS), make_job)
    yield crew
    crew.queue.close()
    for thread in crew.threads:
        thread.join(10)
        assert not thread.is_alive()


def test_every_thread_gets_one_of_few_jobs(crew: Crew) -> None:
    """They run at the same time."""
    barrier = Barrier(THREADS, timeout=PATIENCE)
    crew.do = lambda run: barrier.wait()
    crew.queue.put(crew.make(THREADS), are_tiny=False)
    crew.wait_taken(THREADS)
    crew.wait_idle()


def test_tiny_jobs_are_left_to_one_thread(crew: Crew) -> None:
    """In their order, also those that come while it is at work."""
    release = Event()
    first, *others = crew.make(100)
    crew.do = lambda run: release.wait(60) if run is first else None
    crew.queue.put([first], are_tiny=True)
    crew.wait_taken(1)
    crew.queue.put(others, are_tiny=True)
    assert list(crew.queue._runs) == others
    assert crew.queue._wakeups.empty()
    release.set()
    crew.wait_taken(100)
    assert [run for run, _ in crew.taken] == [first, *others]
    assert len({name for _, name in crew.taken}) == 1


def test_another_thread_is_woken_if_one_does_not_keep_up(crew: Crew) -> None:
    """A job may turn out to be a long one."""
    release = Event()
    first, *others = crew.make(50)
    crew.do = lambda run: release.wait(60) if run is first else None
    crew.queue.start()
    crew.queue.put([first, *others], are_tiny=True)
    crew.wait_taken(50)
    assert not release.is_set()
    release.set()
    crew.wait_idle()


def test_what_is_not_tiny_goes_to_the_idle_threads(crew: Crew) -> None:
    """While another one is at work."""
    release, barrier = Event(), Barrier(THREADS - 1, timeout=PATIENCE)
    [first] = crew.make(1)
    crew.do = lambda run: release.wait(60) if run is first else barrier.wait()
    crew.queue.put([first], are_tiny=True)
    crew.wait_idle(THREADS - 1)
    crew.queue.put(crew.make(THREADS - 1), are_tiny=False)
    crew.wait_taken(THREADS)
    release.set()
    crew.wait_idle()


def test_it_says_when_few_wait(crew: Crew) -> None:
    """Then it is time to claim."""
    release = Event()
    crew.do = lambda run: release.wait(60)
    crew.queue.put(crew.make(10), are_tiny=True)
    crew.wait_idle(THREADS - 1)
    crew.queue.low_water = 8
    assert not crew.queue.is_low
    crew.queue.low_water = 9
    assert crew.queue.is_low
    release.set()
    crew.wait_idle()
    crew.queue.low_water = 0
    assert crew.queue.is_low
