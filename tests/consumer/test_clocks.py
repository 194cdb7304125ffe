"""A consumer on a machine whose clock is wrong: the database's counts, and how time passes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from coserver_consumer import store
from support.clocks import set_clock
from support.consumers import let_be_silent
from support.databases import only_on
from support.waiting import wait_for

HOUR = 3600
CLOCKS = {"behind": -HOUR, "ahead": HOUR}

COSERVER = Path(sys.executable).with_name("coserver")

pytestmark = only_on("postgresql", "mysql")  # SQLite's clock is that of the machine


def test_consumers_with_wrong_clocks_work_like_any_other(
    start_consumer, client, jobs, engine, gate
):
    """They find what is due, are alive to each other, and take back what the dead have left."""
    doomed = start_consumer(name="doomed")
    held = client.add("test.gate", gate.args | {"heed": False})
    wait_for(lambda: gate.reached(held), what="the job to run")
    for name, ahead in CLOCKS.items():
        queues = f"default,{name}"
        start_consumer("--queues", queues, name=name, **set_clock(ahead))
    for name, ahead in CLOCKS.items():
        later = client.add("test.clock", queue=name, delay=HOUR / 2)
        for delay in (0, 1):
            job = jobs.wait_completed(client.add("test.clock", queue=name, delay=delay))
            assert (job.attempt, job.rescues) == (1, 0)
            assert abs(job.result - job.started_at / store.SECOND - ahead) < HOUR / 2
        assert client.get(later).attempt == 0
    assert client.get(held).rescues == 0
    doomed.kill()
    let_be_silent(engine, "doomed", seconds=HOUR)
    gate.open()  # for the next attempt
    job = jobs.wait_completed(held)
    assert (job.attempt, job.rescues) == (1, 1)
    assert {each.name for each in jobs.consumers()} == CLOCKS.keys()


@pytest.mark.parametrize("ahead", CLOCKS.values(), ids=CLOCKS)
def test_the_doctor_tells_of_a_wrong_clock(database_url, ahead):
    """Jobs don't mind, but whoever compares the logs of two machines does."""
    environment = os.environ | {"COSERVER_DATABASE": database_url} | set_clock(ahead)
    done = subprocess.run(
        [COSERVER, "doctor"], env=environment, capture_output=True, text=True, check=False
    )
    [found] = re.findall(r"warning +clock .* differs from the database's by (\S+) s", done.stdout)
    assert abs(float(found) - ahead) < HOUR / 2
    assert "Set the clocks by NTP" in done.stdout
