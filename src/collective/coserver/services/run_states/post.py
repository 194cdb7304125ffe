"""The service by which a consumer asks what became of runs, and tells them to stop."""

from __future__ import annotations

from Products.Five import BrowserView

from collective.coserver.publication.inflight import name_process, runs
from collective.coserver.services.sealed import serve
from coserver_consumer.protocol.run_state import RunQuestion, RunReport
from coserver_consumer.protocol.services import RUN_STATES


class RunStates(BrowserView):
    """``POST /@@coserver-runs``; see ``coserver_consumer.protocol.run_state``.

    Anybody may call it, but only a question with a token from the shared secret is answered.
    """

    def __call__(self) -> str:
        """Answer with a ``RunReport``; 401 without a good token."""
        return serve(self.request, RUN_STATES, _answer)


def _answer(question: RunQuestion) -> RunReport:
    if question.stop:
        for key in question.keys:
            runs.stop(key)
    states = tuple(runs.state(key) for key in question.keys)
    return RunReport(process=name_process(), states=states)
