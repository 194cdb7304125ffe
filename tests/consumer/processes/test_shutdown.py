"""How a worker process ends by a command, as a table."""

from __future__ import annotations

import pytest

from coserver_consumer.processes.control import Command, CommandKind
from coserver_consumer.processes.exit_codes import START_AGAIN
from coserver_consumer.processes.shutdown import Shutdown, plan_shutdown

GRACE = 30.0
NOW = 1000.0


@pytest.mark.parametrize(
    ("kind", "shutdown"),
    [
        (CommandKind.DRAIN, Shutdown(wait=GRACE, exit_code=0)),
        (CommandKind.RETIRE, Shutdown(wait=None, exit_code=START_AGAIN)),
        (CommandKind.STOP, Shutdown(wait=0, exit_code=0)),
        (CommandKind.ABANDON, Shutdown(wait=0, exit_code=START_AGAIN)),
        (CommandKind.DUMP, None),
        (CommandKind.RELOAD, None),
        (CommandKind.RESCUE, None),
    ],
)
def test_a_command_says_how_long_jobs_may_take_and_what_the_process_ends_with(kind, shutdown):
    """None if the process goes on."""
    assert plan_shutdown(Command(kind=kind), grace=GRACE) == shutdown


@pytest.mark.parametrize(
    ("kinds", "deadline"),
    [
        ([CommandKind.RETIRE], None),
        ([CommandKind.DRAIN], NOW + GRACE),
        ([CommandKind.RETIRE, CommandKind.DRAIN], NOW + GRACE),
        ([CommandKind.DRAIN, CommandKind.RETIRE], NOW + GRACE),
        ([CommandKind.DRAIN, CommandKind.STOP], NOW),
        ([CommandKind.STOP, CommandKind.DRAIN], NOW),
        ([CommandKind.RETIRE, CommandKind.ABANDON], NOW),
    ],
)
def test_a_later_command_shortens_the_wait_and_never_lengthens_it(kinds, deadline):
    """A worn process that is to drain doesn't wait for ever any more."""
    found = None
    for kind in kinds:
        found = plan_shutdown(Command(kind=kind), grace=GRACE).find_deadline(NOW, found)
    assert found == deadline
