"""What each thread of this process is doing, in words."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Mapping
from types import FrameType

from coserver_consumer.worker.run import Run

MAX_FRAMES = 12  # of a thread that runs a job, the innermost ones


def describe_threads(at_work: Mapping[int, Run]) -> list[str]:
    """Return a line for each thread and, for each that runs a job, its stack.

    ``at_work`` has the runs by the idents of their threads.
    """
    frames = sys._current_frames()  # noqa: SLF001  the only way to see other threads
    lines: list[str] = []
    for thread in sorted(threading.enumerate(), key=lambda thread: thread.name):
        frame = frames.get(thread.ident or 0)
        lines += _describe(thread.name, frame, at_work.get(thread.ident or 0))
    return lines


def _describe(name: str, frame: FrameType | None, run: Run | None) -> list[str]:
    if run is None or frame is None:
        where = f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else "ended"
        return [f"Thread {name}: {where}"]
    job = run.job
    title = f"Thread {name}: job {job.id} ({job.name}), for {run.seconds:.1f} s"
    stack = traceback.extract_stack(frame)[-MAX_FRAMES:]
    return [title, *(f"  {at.filename}:{at.lineno} {at.name}" for at in stack)]
