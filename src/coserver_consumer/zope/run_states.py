"""Asking Zope instances what became of runs, and having them stopped."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import chain, repeat

from coserver_consumer.model.errors import ZopeUnavailable
from coserver_consumer.model.job import RunKey
from coserver_consumer.protocol.run_state import AT_WORK, RunQuestion, RunReport
from coserver_consumer.protocol.services import RUN_STATES
from coserver_consumer.zope.service import Services, ZopeGone

PAUSES_S = (0.1, 0.2, 0.5, 1.0)  # between two questions whether a run is at work


class ZopeRuns:
    """Asks instances about runs, and gives up one that is silent for ``max_silence`` seconds."""

    def __init__(self, services: Services, *, max_silence: float) -> None:
        self._services = services
        self._max_silence = max_silence

    def ask(self, url: str, keys: Sequence[RunKey], *, stop: bool) -> RunReport:
        """Return what the instance knows of runs; raise ``ZopeUnavailable``."""
        return self._services.ask(url, RUN_STATES, RunQuestion(keys=tuple(keys), stop=stop))

    def see_out(self, url: str, key: RunKey) -> RunReport | None:
        """Tell a run and earlier ones of its job to stop, and wait until none of them is at work.

        Returns what the instance says then, None if it can't be asked: its process is gone, or it
        has been silent for too long.
        """
        silent_since = time.monotonic()
        pauses = chain(PAUSES_S, repeat(PAUSES_S[-1]))
        while True:
            try:
                report = self.ask(url, [key], stop=True)
            except ZopeGone:
                return None
            except ZopeUnavailable:
                if time.monotonic() - silent_since >= self._max_silence:
                    return None
            else:
                if report.states[0] not in AT_WORK:
                    return report
                silent_since = time.monotonic()
            time.sleep(next(pauses))
