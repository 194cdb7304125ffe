"""Programs that queue jobs, fork, and queue more on both sides."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable

from coserver_consumer import Client
from support.jobs import Jobs
from support.waiting import wait_for

NUMBER = 20


def fork(work: Callable[[], object]) -> Callable[[], int | None]:
    """Run ``work`` in a forked process; return a function that says how that ended, if it has."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException:  # noqa: BLE001  nothing may go on in the child
            traceback.print_exc(file=sys.stderr)
            os._exit(1)

    def look() -> int | None:
        pid, status = os.waitpid(child, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) + 1 if pid else None

    return look


def add(client: Client, who: str) -> None:
    """Queue jobs one by one, and read each again."""
    for number in range(NUMBER):
        job_id = client.add("t", {"who": who, "number": number})
        assert client.get(job_id).args == {"who": who, "number": number}


def test_a_client_that_was_used_before_a_fork_works_on_both_sides(client, engine):
    """Each process has connections of its own, and nobody reads the answers of another."""
    add(client, "before")
    ended = fork(lambda: add(client, "child"))
    add(client, "parent")
    assert wait_for(ended, what="the child to end") == 1
    add(client, "after")  # the child's end has closed nothing of ours
    assert Jobs(engine).count_live() == 4 * NUMBER
