"""The repository's buildout.cfg: built, started, and a job seen through."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.bootstrap import REPOSITORY
from demo.button import press, wait_for_end
from demo.command import FORM, PROFILES, SITE
from demo.instance import Login
from demo.ports import free_port
from demo.processes import Process
from demo.ready import log_says, page_answers, port_answers
from demo.stack import SITE_SCRIPT

VENV = Path(sys.executable).parent
# The scripts of other recipes can't start by themselves where the path to Python has a space.
PYTHON = sys.executable


class Built:
    """A copy of the buildout, built with ports of its own and the packages of this venv."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.zeo_port = free_port()
        self.site = f"http://127.0.0.1:{self.port}/{SITE}"
        self.processes: list[Process] = []

    def build(self) -> str:
        """Run buildout; return what it said."""
        for name in ("buildout.cfg", "versions.cfg"):
            shutil.copy(REPOSITORY / name, self.directory)
        ports = [f"ports:instance={self.port}", f"ports:zeoserver={self.zeo_port}"]
        return self.call(VENV / "buildout", "-U", *ports)

    def consumer(self, *arguments: str) -> str:
        """Run a command of ``bin/consumer`` to its end; return what it printed."""
        return self.call("bin/consumer", *arguments)

    def call(self, *command: str | Path) -> str:
        """Run a program in the buildout's directory."""
        done = subprocess.run(
            command, cwd=self.directory, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def start(self, name: str, *command: str | Path, ready, ending=signal.SIGTERM) -> None:
        """Start a program of the buildout; return when it is ready."""
        process = Process(
            name,
            command,
            directory=self.directory,
            log=self.directory / "log" / f"{name}.log",
            ready=ready,
            ending=ending,
        )
        self.processes.append(process)
        process.start()

    def start_all(self) -> None:
        """Start ZEO, make the site, start the instance and the consumer."""
        self.consumer("init")
        self.start(
            "zeo", self.directory / "parts/zeoserver/bin/runzeo", ready=port_answers(self.zeo_port)
        )
        conf = self.directory / "parts" / "instance" / "etc" / "zope.conf"
        self.call(VENV / "zconsole", "run", conf, SITE_SCRIPT, SITE, *PROFILES)
        self.start(
            "zope",
            *(PYTHON, "bin/instance", "console"),
            ready=page_answers(self.site),
            ending=signal.SIGINT,
        )
        self.start("consumer", self.directory / "bin/consumer", ready=log_says("ready"))

    def stop_all(self) -> None:
        """Stop what was started, the last one first."""
        for process in reversed(self.processes):
            process.stop()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """The buildout with all its programs running."""
    built = Built(tmp_path_factory.mktemp("buildout"))
    try:
        said = built.build()
        assert "Getting distribution" not in said, said
        built.start_all()
        yield built
    finally:
        built.stop_all()


def test_nothing_is_downloaded(built: Built):
    """All eggs are those of the virtual environment."""
    assert list((built.directory / "eggs").rglob("*.egg")) == []


def test_a_queued_job_is_completed(built: Built):
    """A button in the instance queues a job, and ``bin/consumer`` completes it there."""
    job_id = press(built.site, Login(), FORM)
    assert wait_for_end(built.consumer, job_id) == "completed"
    shown = json.loads(built.consumer("jobs", "show", job_id, "--json"))
    assert shown["result"]["body"] == f"{built.site}/hello"


def test_pytest_is_there(built: Built):
    """The part ``test`` makes bin/pytest, and nothing takes the names of our own programs."""
    assert "pytest" in built.call(PYTHON, "bin/pytest", "--version")
    assert not (built.directory / "bin" / "test").exists()
    assert not (built.directory / "bin" / "demo").exists()
