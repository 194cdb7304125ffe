"""Asking a Zope instance what became of runs, and telling it to stop them."""

from __future__ import annotations

import time
from collections.abc import Sequence

from coserver_consumer.model.errors import ZopeUnavailable
from coserver_consumer.model.job import RunKey
from coserver_consumer.protocol.run_state import AT_WORK, RunQuestion, RunReport
from coserver_consumer.protocol.services import RUN_STATES
from coserver_consumer.zope.service import Services, ZopeGone

PAUSES = (0.1, 0.2, 0.5, 1.0)  # seconds between two questions whether a run is at work; the last on


class ZopeRuns:
    """Asks by the services; ``patience`` is how many seconds of silence are waited out."""

    def __init__(self, services: Services, *, patience: float) -> None:
        self._services = services
        self._patience = patience

    def ask(self, url: str, keys: Sequence[RunKey], *, stop: bool) -> RunReport:
        """Return what the instance knows of runs; raise ``ZopeUnavailable``."""
        return self._services.ask(url, RUN_STATES, RunQuestion(keys=tuple(keys), stop=stop))

    def see_out(self, url: str, key: RunKey) -> RunReport | None:
        """Tell a run and earlier ones of its job to stop, and wait until none is at work.

        Returns what the instance says then. None if it can't be asked: its process is gone, or it
        has been silent for so long that nothing can be waited for.
        """
        silent_since = time.monotonic()
        for turn in range(2**63):
            try:
                report = self.ask(url, [key], stop=True)
            except ZopeGone:
                return None
            except ZopeUnavailable:
                if time.monotonic() - silent_since >= self._patience:
                    return None
            else:
                if report.states[0] not in AT_WORK:
                    return report
                silent_since = time.monotonic()
            time.sleep(PAUSES[min(turn, len(PAUSES) - 1)])
        return None
