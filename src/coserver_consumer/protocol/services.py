"""The services of Zope that holders of the secret may ask, and their messages. Pure.

Question and answer are JSON; a token seals the question. The handshake is another matter: it goes
before all tokens (``handshake``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar

from coserver_consumer.model.indoubt import Decision, Fate, Mark, Question
from coserver_consumer.model.job import RunKey
from coserver_consumer.model.told_event import EventReport
from coserver_consumer.protocol.run_state import RunQuestion, RunReport, RunState

Q = TypeVar("Q")
A = TypeVar("A")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service(Generic[Q, A]):
    """One service, at ``path`` from Zope's root, and how both sides write what they say as JSON.

    ``timeout_s`` is how long a consumer waits for the answer. What loads raises ``ValueError``,
    ``KeyError`` or ``TypeError`` for what isn't such a message.
    """

    path: str
    dump_question: Callable[[Q], Any]
    load_question: Callable[[Any], Q]
    dump_answer: Callable[[A], Any]
    load_answer: Callable[[Any], A]
    timeout_s: float = 5.0


def _dump_run_question(question: RunQuestion) -> Any:
    return {"runs": question.keys, "stop": question.stop}


def _load_run_question(message: Any) -> RunQuestion:
    keys = tuple(RunKey(str(job_id), int(run)) for job_id, run in message["runs"])
    return RunQuestion(keys=keys, stop=bool(message["stop"]))


def _dump_run_report(report: RunReport) -> Any:
    return {"process": report.process, "states": list(map(str, report.states))}


def _load_run_report(message: Any) -> RunReport:
    states = tuple(map(RunState, message["states"]))
    return RunReport(process=str(message["process"]), states=states)


def _dump_all(items: Sequence[Question] | Sequence[Decision]) -> Any:
    return [asdict(item) for item in items]


def _load_questions(message: Any) -> list[Question]:
    """Return the questions; what isn't one stays open."""
    return list(filter(None, map(_load_question, message)))


def _load_question(message: Any) -> Question | None:
    match message:
        case {"mark": Mark.BATCH | Mark.RUN as mark, "value": str(value), "evidence": dict(found)}:
            return Question(mark=Mark(mark), value=value, evidence=found)
        case _:
            return None


def _load_decisions(message: Any) -> list[Decision]:
    return [_load_decision(each) for each in message]


def _load_decision(message: Any) -> Decision:
    tid = message["tid"]
    return Decision(
        mark=Mark(message["mark"]),
        value=str(message["value"]),
        fate=Fate(message["fate"]),
        tid=None if tid is None else int(tid),
    )


def _load_numbers(message: Any) -> tuple[int, ...]:
    return tuple(map(int, message))


def _load_event_report(message: Any) -> EventReport:
    told, failed = (_load_numbers(message[name]) for name in ("told", "failed"))
    return EventReport(told=told, failed=failed)


def _load_names(message: Any) -> list[str]:
    return list(map(str, message))


RUN_STATES: Service[RunQuestion, RunReport] = Service(
    path="/@@coserver-runs",
    dump_question=_dump_run_question,
    load_question=_load_run_question,
    dump_answer=_dump_run_report,
    load_answer=_load_run_report,
)
# What became of transactions whose process died.
EVIDENCE: Service[Sequence[Question], list[Decision]] = Service(
    path="/@@coserver-evidence",
    dump_question=_dump_all,
    load_question=_load_questions,
    dump_answer=_dump_all,
    load_answer=_load_decisions,
    timeout_s=300.0,  # a walk over the transactions of a long night takes a while
)
# Tell these events, by the ids of their rows; what they are stands in the database.
EVENTS: Service[Sequence[int], EventReport] = Service(
    path="/@@coserver-events",
    dump_question=list,
    load_question=_load_numbers,
    dump_answer=asdict,
    load_answer=_load_event_report,
    timeout_s=30.0,  # Zope begins with none after a third of it; a subscriber may take the rest
)
# The dotted names of the functions that are tasks; nothing is said in the question.
FUNCTIONS: Service[None, list[str]] = Service(
    path="/@@coserver-functions",
    dump_question=lambda _: None,
    load_question=lambda _: None,
    dump_answer=list,
    load_answer=_load_names,
)
