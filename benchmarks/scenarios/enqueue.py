"""1. Adding jobs: one a transaction, and many together by each one's fastest way."""

from __future__ import annotations

from functools import partial

from benchmarks.contestant import Contestant
from benchmarks.outcome import Measured, Options, Outcome, take_turns

ONE, MANY = "one by one", "bulk"
JOBS, QUICK_JOBS = 2000, 300
BULK, QUICK_BULK = 20_000, 5000
ROUNDS, QUICK_ROUNDS = 3, 1


def run(options: Options) -> Outcome:
    """Return how many jobs a second can be added."""
    outcome = Outcome(
        title="Adding jobs",
        unit="jobs a second",
        remarks=["One by one: each in a transaction of its own, no two at once."],
    )
    rows = [
        (contestant.name, partial(_measure, contestant, options.quick))
        for contestant in options.choose()
    ]
    return take_turns(outcome, rows, options.rounds(ROUNDS, QUICK_ROUNDS))


def _measure(contestant: Contestant, quick: bool) -> Measured:  # noqa: FBT001  it is bound to a row
    jobs, bulk = (QUICK_JOBS, QUICK_BULK) if quick else (JOBS, BULK)
    with contestant.database() as url:
        told = {
            ONE: contestant.tell("enqueue", url, jobs, 0),
            MANY: contestant.tell("bulk", url, contestant.scaled(bulk), 0),
        }
    return {column: answer["jobs"] / answer["seconds"] for column, answer in told.items()}
