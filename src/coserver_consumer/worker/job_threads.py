"""The threads of a worker that run jobs. Nothing that a task does ends one of them."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread, get_ident

from coserver_consumer.runtime.logs import job_logs
from coserver_consumer.worker.dispatch_queue import DispatchQueue
from coserver_consumer.worker.run import Run


class JobThreads:
    """So many threads that take runs out of the dispatch queue.

    ``work`` does one run to its end. ``fail`` ends a run whose ``work`` has raised an error.
    """

    def __init__(
        self,
        number: int,
        queue: DispatchQueue,
        *,
        work: Callable[[Run], None],
        fail: Callable[[Run, BaseException | None], None],
    ) -> None:
        self._number = number
        self._queue = queue
        self._work = work
        self._fail = fail
        self._at_work: dict[int, Run] = {}
        self._threads: list[Thread] = []
        self._is_stopped = False

    def __len__(self) -> int:
        """Return how many there are to be."""
        return self._number

    def start(self) -> None:
        """Start them all."""
        self._threads = [self._start_one(number) for number in range(self._number)]

    def stop(self) -> None:
        """Let each end behind what waits in the dispatch queue."""
        self._is_stopped = True
        self._queue.close()

    def at_work(self) -> dict[int, Run]:
        """Return what the threads do now, by their idents."""
        return dict(self._at_work)

    def replace_dead(self) -> None:
        """Start another thread for each that has ended all the same, and end its run."""
        for number, thread in enumerate(self._threads):
            if not thread.is_alive() and not self._is_stopped:
                self._threads[number] = self._start_one(number)
                run = self._at_work.pop(thread.ident or 0, None)
                if run is not None:
                    self._fail(run, None)
                job_logs.thread_ended(thread.name)

    def _start_one(self, number: int) -> Thread:
        thread = Thread(target=self._serve, name=f"job-{number}", daemon=True)
        thread.start()
        return thread

    def _serve(self) -> None:
        """Do runs, one after another, until None comes."""
        while (run := self._queue.get()) is not None:
            self._serve_one(run)

    def _serve_one(self, run: Run) -> None:
        """Do one run; an error, even one that isn't an ``Exception``, ends this run alone."""
        ident = get_ident()
        self._at_work[ident] = run
        error = self._try(run)
        if error is not None:
            self._fail(run, error)
        del self._at_work[ident]

    def _try(self, run: Run) -> BaseException | None:
        """Do one run; return the error that it raised.

        It must not be in handling when its run is ended: a log that can't be written prints all
        exceptions that are, and this one may raise even when it is printed.
        """
        try:
            self._work(run)
        except BaseException as error:  # noqa: BLE001  the thread must outlive it
            return error
        return None
