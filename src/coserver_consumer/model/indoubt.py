"""In-doubt transactions: their process died around the commit, and only the ZODB knows their fate.

Recovery asks the ZODB a question for each and writes what follows from the decision.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

MAX_RUN_DIGITS = 18


class Mark(StrEnum):
    """The key in a transaction's extended info by which the transaction can be found."""

    BATCH = "coserver"  # it queued jobs; the value is the batch's id
    RUN = "coserver-run"  # it is the effect of a job; the value is ``run_mark``


class Fate(StrEnum):
    """What became of a transaction."""

    COMMITTED = "committed"
    ABORTED = "aborted"  # it never committed, and never will
    PACKED = "packed"  # the evidence was packed away
    UNTRACEABLE = "untraceable"  # nothing says where to look

    @property
    def why(self) -> str:
        """The reason why nobody can tell more, to be put into a sentence."""
        return _WHY.get(self, "")


_WHY = {
    Fate.PACKED: "the ZODB was packed, or restored from a backup, meanwhile",
    Fate.UNTRACEABLE: "its row names no ZODB that could be looked at",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Did the transaction with this mark commit? ``evidence`` says where to look.

    Its keys: ``database`` (a name), ``base_tid`` (the last transaction before it, a number), and
    on storages that keep no metadata ``marker`` and ``witness`` (oids as numbers).

    ``job_id`` and ``created_at`` are those of a job that depends on it, and ``age`` is for how many
    seconds it has been in doubt.
    """

    mark: Mark
    value: str
    evidence: dict[str, Any]
    job_id: str = ""
    created_at: int = 0
    age: float = 0.0

    def decide(self, fate: Fate, tid: int | None = None) -> Decision:
        """Return the decision on this transaction."""
        return Decision(mark=self.mark, value=self.value, fate=fate, tid=tid)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer to a question. ``tid`` is the transaction's id as a number, if it is known."""

    mark: Mark
    value: str
    fate: Fate
    tid: int | None = None


def read_run_mark(value: str) -> tuple[str, int] | None:
    """Return the job and the run that a mark names, None if it names none."""
    job_id, _, run = value.rpartition(":")
    is_number = run.isascii() and run.isdigit() and len(run) <= MAX_RUN_DIGITS
    return (job_id, int(run)) if job_id and is_number else None


def run_mark(job_id: str, run: int) -> str:
    """Return the value that the transaction of a job's attempt bears."""
    return f"{job_id}:{run}"
