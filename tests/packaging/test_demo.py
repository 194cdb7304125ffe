"""``bin/demo`` as a person starts it: it works, keeps its data, and cleans up after itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from demo import leftovers
from demo.bootstrap import REPOSITORY
from demo.command import PROFILES
from demo.home import Home
from demo.ports import free_port
from demo.processes import Process
from demo.ready import log_says, status_of
from demo.stack import Stack

DEMO = REPOSITORY / "bin" / "demo"
COSERVER = Path(sys.executable).with_name("coserver")
STARTED = "Ctrl-C stops everything"


class Demonstration:
    """The command, on a directory and a port of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/Plone"

    def command(self, *flags: str) -> list[str | Path]:
        """Return the command line."""
        where = ["--directory", self.directory, "--port", str(self.port)]
        return [sys.executable, DEMO, *where, *flags]

    def check(self) -> subprocess.CompletedProcess[str]:
        """Run it with ``--check`` to its end, among settings of a queue that isn't its own."""
        return subprocess.run(
            self.command("--check"),
            env=os.environ | {"COSERVER_DATABASE": "sqlite:////nowhere/queue.sqlite"},
            capture_output=True,
            text=True,
            check=False,
            timeout=280,  # seconds; a test may take 300
        )

    def start(self) -> Process:
        """Start it as a person does; return when it says that it runs."""
        process = Process(
            "demo",
            self.command(),
            log=self.directory.parent / "demo.log",
            ready=log_says(STARTED),
            ending=signal.SIGINT,
        )
        process.start()
        return process

    def list_jobs(self) -> list[dict[str, object]]:
        """Return the jobs of its queue."""
        config = self.directory / "coserver.toml"
        listed = subprocess.run(
            [COSERVER, "jobs", "list", "--json", "--config", config],
            capture_output=True,
            check=True,
        )
        return json.loads(listed.stdout)


def make_zodb_without_site(directory: Path) -> None:
    """Let Zope put its own objects there: two Zopes that start at once would both want to."""
    nothing = directory / "nothing.py"
    nothing.touch()
    with Stack(directory, settings={}) as stack:
        stack.start_zeo()
        stack.call("zconsole", "run", stack.instances[0].conf, nothing)


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demonstration]:
    """A demonstration that nobody has started yet."""
    directory = tmp_path_factory.mktemp("demonstration") / "var"
    yield Demonstration(directory)
    leftovers.end_all(directory)


@pytest.fixture(scope="module")
def checked(demonstration: Demonstration) -> subprocess.CompletedProcess[str]:
    """Its first start, with ``--check``."""
    return demonstration.check()


def test_check_sees_the_examples_job_completed(demonstration: Demonstration, checked):
    """``--check`` presses the button, shows the job's timeline, stops all and exits with 0."""
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "Timeline" in checked.stdout
    assert "completed after" in checked.stdout
    assert leftovers.end_all(demonstration.directory) == []


def test_a_second_start_makes_nothing_anew_and_keeps_its_data(demonstration, checked):
    """It serves the site, with the job of the first start; Ctrl-C ends it."""
    process = demonstration.start()
    try:
        assert status_of(demonstration.url) == 200
        assert "Creating the Plone site" in checked.stdout
        assert "Creating the Plone site" not in process.output()
        assert [job["state"] for job in demonstration.list_jobs()] == ["completed"]
    finally:
        exit_code = process.stop()
    assert exit_code == 0
    assert leftovers.end_all(demonstration.directory) == []


def test_a_start_after_a_crash_ends_what_was_left(demonstration: Demonstration, checked):
    """A killed demonstration leaves its programs running; the next start stops them first."""
    demonstration.start().kill()
    process = demonstration.start()
    assert process.stop() == 0
    assert "Stopped what an earlier start had left running: consumer, zeo, zope1." in (
        process.output()
    )


def test_a_port_in_use_is_named(demonstration: Demonstration):
    """The message says which port, and how to choose another."""
    with ThreadingHTTPServer(("127.0.0.1", demonstration.port), SimpleHTTPRequestHandler):
        done = demonstration.check()
    assert done.returncode == 1
    assert f"Port {demonstration.port} is in use." in done.stderr
    assert "--port" in done.stderr


def test_check_says_what_went_wrong(tmp_path: Path):
    """Without the site its exit code is 1, and the ends of the logs are shown."""
    make_zodb_without_site(tmp_path)
    Home(tmp_path).keep_site(PROFILES)
    done = Demonstration(tmp_path).check()
    assert done.returncode == 1
    assert "/Plone/login answers 404" in done.stderr
    assert f"The end of {tmp_path}/log/zope1.log" in done.stderr
