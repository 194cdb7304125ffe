"""The threads of a worker that run jobs. Nothing that a task does ends one of them."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread

from coserver_consumer.runtime.logs import job_logs
from coserver_consumer.worker.dispatch_queue import DispatchQueue
from coserver_consumer.worker.run import Run
from coserver_consumer.worker.runner import Runner


class JobThreads:
    """So many threads that take runs out of the dispatch queue and have the runner do them.

    ``claim`` is called after a run if few others wait.
    """

    def __init__(
        self, number: int, queue: DispatchQueue, runner: Runner, *, claim: Callable[[], None]
    ) -> None:
        self._queue = queue
        self._runner = runner
        self._claim = claim
        self._at_work: list[Run | None] = [None] * number
        self._threads: list[Thread] = []
        self._is_stopped = False

    def start(self) -> None:
        """Start them all."""
        self._threads = [self._start_one(number) for number in range(len(self._at_work))]

    def stop(self) -> None:
        """Let each end behind what waits in the dispatch queue."""
        self._is_stopped = True
        self._queue.close()

    def at_work(self) -> dict[int, Run]:
        """Return what the threads do now, by their idents."""
        runs = zip(self._threads, self._at_work, strict=False)
        return {thread.ident or 0: run for thread, run in runs if run is not None}

    def replace_dead(self) -> None:
        """Start another thread for each that has ended all the same, and end its run."""
        for number, thread in enumerate(self._threads):
            if not thread.is_alive() and not self._is_stopped:
                self._replace(number, thread)

    def _replace(self, number: int, dead: Thread) -> None:
        run, self._at_work[number] = self._at_work[number], None
        if run is not None:
            self._runner.fail(run, None)
        job_logs.thread_ended(dead.name)
        self._threads[number] = self._start_one(number)

    def _start_one(self, number: int) -> Thread:
        thread = Thread(target=self._serve, args=(number,), name=f"job-{number}", daemon=True)
        thread.start()
        return thread

    def _serve(self, number: int) -> None:
        """Do runs, one after another, until None comes."""
        while (run := self._queue.get()) is not None:
            self._at_work[number] = run
            self._serve_one(run)
            self._at_work[number] = None

    def _serve_one(self, run: Run) -> None:
        """Do one run; an error, even one that isn't an ``Exception``, ends this run alone."""
        error = self._try(run)
        if error is not None:
            self._runner.fail(run, error)
        if self._queue.is_low:
            self._claim()

    def _try(self, run: Run) -> BaseException | None:
        """Do one run; return the error that it raised.

        It must not be in handling when its run is ended: a log that can't be written prints all
        exceptions that are, and this one may raise even when it is printed.
        """
        try:
            self._runner.run(run)
        except BaseException as error:  # noqa: BLE001  the thread must outlive it
            return error
        return None
