"""What the supervisor does after the exit of a worker process, as a table."""

from __future__ import annotations

import pytest

from coserver_consumer.processes.exit_codes import FAILED, START_AGAIN, WRONG_USE
from coserver_consumer.processes.restart_policy import (
    MAX_BACKOFF_S,
    Exit,
    GiveUp,
    Ignore,
    KeepHolder,
    Restart,
    SupervisorState,
    Vacate,
    decide,
)
from coserver_consumer.processes.slot import Role, Slot

STARTING, RUNNING, STOPPING = SupervisorState
IT, OTHER = 7, 8  # the serial numbers of the process that has ended and of another

ALONE = Slot(holder=IT)
SUCCEEDED = Slot(holder=IT, successor=OTHER)  # a successor of it has been started already
SUCCESSOR = Slot(holder=OTHER, successor=IT)
RETIRED = Slot(holder=OTHER)
EMPTY = Slot()  # the settings say fewer processes now


def after(slot, failures):
    """Return the slot as it is after so many failures in a row."""
    return slot.back_off(failures=failures, until=0.0)


def young(code, **details):
    """Return the exit of a process that was ready and died within a second, without a word."""
    plain = {"is_announced": False, "was_ready": True, "lived": 1.0}
    return Exit(process=IT, code=code, **plain | details)


def stable(code):
    """Return the exit of a process that had worked for a while and died without a word."""
    return young(code, lived=100.0)


def unready(code, **details):
    """Return the exit of a process that never came to look for jobs."""
    return young(code, was_ready=False, **details)


def announced(code, **details):
    """Return the exit of a process that has said that the database knows all."""
    return young(code, is_announced=True, **details)


TABLE = [
    # a process that works dies
    ("a kill is followed by another process", young(-9), ALONE, RUNNING, Restart(1, 0.0)),
    ("a crash is, too", young(-11), ALONE, RUNNING, Restart(1, 0.0)),
    ("a job's os._exit(0) is a death", young(0), ALONE, RUNNING, Restart(1, 0.0)),
    ("a job's os._exit(1) is a death", young(FAILED), ALONE, RUNNING, Restart(1, 0.0)),
    ("a job's os._exit(2) is a death", young(WRONG_USE), ALONE, RUNNING, Restart(1, 0.0)),
    ("a job's os._exit(75) is a death", young(START_AGAIN), ALONE, RUNNING, Restart(1, 0.0)),
    ("any other code is a death", young(255), ALONE, RUNNING, Restart(1, 0.0)),
    ("its successor gets its slot", young(-9), SUCCEEDED, RUNNING, Restart(1, 0.0)),
    ("a kill with settings that nobody has proven", young(-9), ALONE, STARTING, GiveUp(FAILED)),
    # it dies again and again
    ("the third death costs no backoff", young(-9), after(ALONE, 2), RUNNING, Restart(3, 0.0)),
    ("the fourth costs one second", young(-9), after(ALONE, 3), RUNNING, Restart(4, 1.0)),
    ("with any code", young(START_AGAIN), after(ALONE, 3), RUNNING, Restart(4, 1.0)),
    ("the fifth costs two", young(-9), after(ALONE, 4), RUNNING, Restart(5, 2.0)),
    (
        "there is a longest backoff",
        young(-9),
        after(ALONE, 40),
        RUNNING,
        Restart(41, MAX_BACKOFF_S),
    ),
    (
        "however long this goes on",
        young(-9),
        after(ALONE, 5000),
        RUNNING,
        Restart(5001, MAX_BACKOFF_S),
    ),
    ("a long life ends the row", stable(-9), after(ALONE, 40), RUNNING, Restart(0, 0.0)),
    (
        "unless it was spent on starting",
        unready(FAILED, lived=100.0),
        after(ALONE, 3),
        RUNNING,
        Restart(4, 1.0),
    ),
    # it ends in good order
    ("a hung or worn process is no failure", announced(START_AGAIN), ALONE, RUNNING, Restart(0, 0)),
    (
        "and ends the row",
        announced(START_AGAIN),
        after(ALONE, 5),
        RUNNING,
        Restart(0, 0.0),
    ),
    (
        "it may ask for another before it is ready",
        announced(START_AGAIN, was_ready=False),
        ALONE,
        STARTING,
        Restart(0, 0.0),
    ),
    ("one that nobody told to end is a failure", announced(0), ALONE, RUNNING, Restart(1, 0.0)),
    # nothing works yet: the first process has said why
    ("what it can't do no other can", unready(FAILED), ALONE, STARTING, GiveUp(FAILED)),
    ("wrong settings keep their code", unready(WRONG_USE), ALONE, STARTING, GiveUp(WRONG_USE)),
    ("a code of 0 is no success", unready(0), ALONE, STARTING, GiveUp(FAILED)),
    ("nor is one in good order", announced(0, was_ready=False), ALONE, STARTING, GiveUp(FAILED)),
    ("nor is a 75 without a word", unready(START_AGAIN), ALONE, STARTING, GiveUp(START_AGAIN)),
    ("a signal has no exit code", unready(-11), ALONE, STARTING, GiveUp(FAILED)),
    # the successor fails, and the holder works on
    ("a successor that can't start", unready(FAILED), SUCCESSOR, RUNNING, KeepHolder(1, 0.0)),
    (
        "a successor that fails again and again",
        unready(-9),
        after(SUCCESSOR, 3),
        RUNNING,
        KeepHolder(4, 1.0),
    ),
    (
        "a successor that asks for another",
        announced(START_AGAIN, was_ready=False),
        after(SUCCESSOR, 3),
        RUNNING,
        KeepHolder(0, 0.0),
    ),
    # the consumer stops: its exit code says whether the database knows all
    ("it ends as it was told", announced(0), ALONE, STOPPING, Vacate(0)),
    ("it had asked for another", announced(START_AGAIN), ALONE, STOPPING, Vacate(0)),
    ("it ends before it was ready", announced(0, was_ready=False), ALONE, STOPPING, Vacate(0)),
    ("it ends without a word", young(0), ALONE, STOPPING, Vacate(FAILED)),
    ("with an error", young(FAILED), ALONE, STOPPING, Vacate(FAILED)),
    ("with any code", young(START_AGAIN), ALONE, STOPPING, Vacate(START_AGAIN)),
    ("it is killed", young(-9), ALONE, STOPPING, Vacate(FAILED)),
    ("the successor is killed", unready(-9), SUCCESSOR, STOPPING, Vacate(FAILED)),
    ("it has failed before", young(-9), after(ALONE, 40), STOPPING, Vacate(FAILED)),
    # another process has its slot, or nobody
    ("it ends when its successor is ready", announced(START_AGAIN), RETIRED, RUNNING, Ignore()),
    ("it is killed when it had retired", young(-9), RETIRED, RUNNING, Ignore()),
    ("while the consumer stops", young(-9), RETIRED, STOPPING, Ignore()),
    ("its slot is gone", announced(START_AGAIN), EMPTY, RUNNING, Ignore()),
    ("its slot is gone, and it is killed", young(-9), EMPTY, RUNNING, Ignore()),
]


@pytest.mark.parametrize(
    ("ended", "slot", "state", "decision"),
    [row[1:] for row in TABLE],
    ids=[row[0] for row in TABLE],
)
def test_the_exit_of_a_process_decides_what_follows(ended, slot, state, decision):
    """By how it ended, what it was there for, and what the supervisor is at."""
    assert decide(slot, ended, state) == decision


@pytest.mark.parametrize("state", SupervisorState)
@pytest.mark.parametrize("slot", [ALONE, SUCCEEDED, SUCCESSOR, RETIRED, EMPTY])
@pytest.mark.parametrize("code", [-15, -9, 0, FAILED, WRONG_USE, 3, START_AGAIN, 255])
@pytest.mark.parametrize("is_announced", [True, False])
def test_a_consumer_that_ends_says_whether_the_database_knows_all(state, slot, code, is_announced):
    """Its exit code is 0 only if the process has announced its end, and it was to stop."""
    decision = decide(slot, young(code, is_announced=is_announced), state)
    if isinstance(decision, Vacate | GiveUp):
        is_well = state is STOPPING and is_announced
        assert (decision.exit_code == 0) is is_well
        assert decision.exit_code >= 0


@pytest.mark.parametrize(
    ("slot", "left"),
    [
        (ALONE, EMPTY),
        (SUCCEEDED, Slot(holder=OTHER)),
        (SUCCESSOR, Slot(holder=OTHER)),
        (RETIRED, RETIRED),
    ],
)
def test_a_successor_inherits_the_slot_of_a_process_that_ends(slot, left):
    """Whoever else ends leaves the holder where it is."""
    assert slot.remove(IT) == left
    assert slot.remove(IT).role_of(IT) is Role.RETIRED
