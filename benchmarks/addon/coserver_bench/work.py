"""Work of 200 ms, half of it computing."""

import time

from Products.Five import BrowserView

COMPUTING, WAITING = 0.1, 0.1  # seconds


class Work(BrowserView):
    """Computes in Python for 0.1 s of processor time, then waits 0.1 s, as for another server."""

    def __call__(self) -> str:
        """Work, and say that it is done."""
        end = time.thread_time() + COMPUTING
        while time.thread_time() < end:
            sum(range(1000))
        time.sleep(WAITING)
        return "done"
