"""What the supervisor does after the end of a worker process, as a table."""

from __future__ import annotations

import pytest

from coserver_consumer.processes.exit_codes import START_AGAIN
from coserver_consumer.processes.restart_policy import (
    LONGEST_PAUSE_S,
    Exit,
    GiveUp,
    KeepHolder,
    Leave,
    Nothing,
    Restart,
    Role,
    decide,
)

GOODBYE = {"is_announced": True}
NEW = {"was_ready": False}
OLD = {"lived": 100.0}
STOPPING = {"is_stopping": True}
FIRST = {"has_been_ready": False}


def find(code, role=Role.HOLDER, *, failures=0, is_stopping=False, has_been_ready=True, **end):
    """Return what follows; a process that died young, unless ``end`` says something else."""
    plain = {"is_announced": False, "was_ready": True, "lived": 1.0}
    return decide(
        Exit(code=code, **plain | end),
        role,
        failures=failures,
        is_stopping=is_stopping,
        has_been_ready=has_been_ready,
    )


@pytest.mark.parametrize(
    ("code", "circumstances", "decision"),
    [
        # killed, or ended by a job with whatever code: another one, at once at first
        (-9, {}, Restart(1, 0.0)),
        (0, {}, Restart(1, 0.0)),
        (START_AGAIN, {}, Restart(1, 0.0)),
        (1, {}, Restart(1, 0.0)),
        (255, {}, Restart(1, 0.0)),
        (-9, {"failures": 2}, Restart(3, 0.0)),
        (-9, {"failures": 3}, Restart(4, 1.0)),
        (START_AGAIN, {"failures": 3}, Restart(4, 1.0)),
        (-9, {"failures": 4}, Restart(5, 2.0)),
        (-9, {"failures": 40}, Restart(41, LONGEST_PAUSE_S)),
        (-9, {"failures": 40, **OLD}, Restart(0, 0.0)),
        (1, {"failures": 3, **NEW, **OLD}, Restart(4, 1.0)),
        # in good order: it hung or was worn, and asks for another one
        (START_AGAIN, {**GOODBYE}, Restart(0, 0.0)),
        (START_AGAIN, {"failures": 5, **GOODBYE}, Restart(0, 0.0)),
        (START_AGAIN, {**GOODBYE, **NEW, **FIRST}, Restart(0, 0.0)),
        # in good order, though nobody here has asked it to
        (0, {**GOODBYE}, Restart(1, 0.0)),
        # nothing works yet: the first process has said why
        (1, {**NEW, **FIRST}, GiveUp(1)),
        (2, {**NEW, **FIRST}, GiveUp(2)),
        (0, {**NEW, **FIRST}, GiveUp(1)),
        (START_AGAIN, {**NEW, **FIRST}, GiveUp(START_AGAIN)),
        (-11, {**NEW, **FIRST}, GiveUp(1)),
        (0, {**NEW, **FIRST, **GOODBYE}, GiveUp(1)),
        # the successor fails
        (1, {"role": Role.SUCCESSOR, **NEW}, KeepHolder(1, 0.0)),
        (-9, {"role": Role.SUCCESSOR, "failures": 3, **NEW}, KeepHolder(4, 1.0)),
        # the consumer is to end: its exit code says whether the database knows all
        (0, {**GOODBYE, **STOPPING}, Leave(0)),
        (START_AGAIN, {**GOODBYE, **STOPPING}, Leave(0)),
        (0, {**STOPPING}, Leave(1)),
        (START_AGAIN, {**STOPPING}, Leave(START_AGAIN)),
        (1, {**STOPPING}, Leave(1)),
        (-9, {**STOPPING}, Leave(1)),
        (-9, {**STOPPING, "role": Role.SUCCESSOR}, Leave(1)),
        (0, {**GOODBYE, **STOPPING, **FIRST}, Leave(0)),
        # another has its place already
        (0, {**GOODBYE, "role": Role.RETIRED}, Nothing()),
        (-9, {"role": Role.RETIRED}, Nothing()),
        (-9, {"role": Role.RETIRED, **STOPPING}, Nothing()),
    ],
)
def test_the_end_of_a_process_decides_what_follows(code, circumstances, decision):
    """By how it ended, what it was there for, and what the consumer is at."""
    assert find(code, **circumstances) == decision
