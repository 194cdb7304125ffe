"""What a Zope answers to its consumers beside jobs, for tests with another server in its place."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from coserver_consumer.errors import Unsigned
from coserver_consumer.model.job import RunKey
from coserver_consumer.protocol import handshake
from coserver_consumer.protocol.markers import PROOF
from coserver_consumer.protocol.run_state import RunReport, RunState
from coserver_consumer.protocol.services import RUN_STATES
from coserver_consumer.protocol.tokens import check_seal
from support.http_server import Answer, Call, ran


@dataclass(kw_only=True)
class ZopeServices:
    """Answers as a Zope with this secret; ``states`` are those of runs, in the order asked for.

    The last one stays. ``clock`` is the database's time. Jobs are completed, unless ``answer``
    answers them.
    """

    secret: str
    answer: Callable[[Call], Answer] | None = None
    states: list[RunState] = field(default_factory=lambda: [RunState.UNKNOWN])
    process: str = "1"
    clock: Callable[[], float] = time.time
    knows: bool | None = None
    stopped: list[RunKey] = field(default_factory=list)

    def __call__(self, call: Call) -> Answer:
        """Answer a question of a consumer, or a job as the test says."""
        if call.target == handshake.SERVICE:
            return self._greet(call)
        if call.target == RUN_STATES.path:
            return self._report(call)
        return self._run(call)

    def _greet(self, call: Call) -> Answer:
        proof = call.headers["authorization"].partition(" ")[2]
        try:
            question = handshake.read_question(call.body, proof, secret=self.secret)
        except Unsigned as error:
            return Answer(status=401, body=handshake.refusal(str(error)).encode())
        greeting = handshake.Greeting(process=self.process, now=self.clock(), knows=self.knows)
        body, proof = handshake.answer(greeting, question, secret=self.secret)
        return Answer(body=body, headers={PROOF: proof})

    def _report(self, call: Call) -> Answer:
        token = call.headers["authorization"].partition(" ")[2]
        path, now = RUN_STATES.path, self.clock()
        check_seal(token, call.body, service=path, secret=self.secret, now=now)
        question = RUN_STATES.load_question(json.loads(call.body))
        if question.stop:
            self.stopped += question.keys
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        report = RunReport(process=self.process, states=(state,) * len(question.keys))
        return Answer(body=json.dumps(RUN_STATES.dump_answer(report)).encode())

    def _run(self, call: Call) -> Answer:
        return self.answer(call) if self.answer else ran(call, secret=self.secret)
