"""Ctrl-C while a job runs inline: the job goes back to its queue, and then it counts."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType
from typing import NoReturn

from coserver_consumer.worker.run import Run, Stop


@contextmanager
def giving_back(find_run: Callable[[], Run | None]) -> Iterator[Callable[[], None]]:
    """Have ``KeyboardInterrupt`` break the run off that ``find_run`` gives, and give it back.

    A task takes that exception for its own. Yields a function that raises it if it has come.
    Nothing is changed in another thread than the main one, and where a program handles the signal
    itself.
    """
    interrupts: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        interrupts.append(number)
        run = find_run()
        if run is not None:
            run.ask_to_stop(Stop.SHUTDOWN)
        raise KeyboardInterrupt

    def check() -> None:
        if interrupts:
            raise KeyboardInterrupt

    is_ours = (
        current_thread() is main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if not is_ours:
        yield check
        return
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
