"""A real consumer, and other programs that write into its tables and look at them."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from coserver_consumer.cli import main
from demo import ready
from demo.bootstrap import REPOSITORY
from demo.processes import Process
from support.jobs import Jobs
from support.pages import code_blocks
from support.programs import Shell, find_program

COSERVER = Path(sys.executable).with_name("coserver")
HERE = Path(__file__).parent
SECRET = "only for tests: 0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch, tmp_path):
    """Keep the settings of whoever runs the tests away."""
    for name in list(os.environ):
        if name.startswith("COSERVER_") and not name.startswith("COSERVER_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def shell(database_url) -> Shell:
    """The command line program of the test's database: psql, mariadb or sqlite3."""
    return Shell(database_url)


@pytest.fixture
def jobs(engine) -> Jobs:
    """The jobs of the test's database."""
    return Jobs(engine)


@pytest.fixture
def consumer(database_url, tmp_path) -> Iterator[Process]:
    """A consumer that runs the task of the pages' examples."""
    plugin = str(HERE / "plugin")
    process = Process(
        "consumer",
        [COSERVER, "run"],
        log=tmp_path / "consumer.log",
        ready=ready.log_says("is ready"),
        environment={
            "COSERVER_DATABASE": database_url,
            "COSERVER_SECRET": SECRET,
            "COSERVER_POLL_MAX": "0.2",
            "COSERVER_BACKOFF_BASE": "0.1",
            "PYTHONPATH": os.pathsep.join([plugin, *sys.path]),
        },
    )
    process.start()
    yield process
    process.kill()


@pytest.fixture
def coserver(database_url) -> Callable[..., str]:
    """Run the command line on the test's database and return what it writes."""

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(main, [*arguments, "--database", database_url])
        assert done.exit_code == 0, done.output
        return done.stdout

    return run


@pytest.fixture(scope="session")
def node_modules(pytestconfig) -> Path:
    """A folder with what package-lock.json says; it is kept until that changes."""
    lock = (HERE / "node" / "package-lock.json").read_bytes()
    folder = pytestconfig.cache.mkdir(f"node-{hashlib.sha256(lock).hexdigest()[:12]}")
    if not (folder / "node_modules" / ".package-lock.json").exists():
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(HERE / "node" / name, folder)
        command = [find_program("npm"), "ci", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=folder, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def page_blocks() -> Callable[[str, str], list[str]]:
    """Return a page's blocks of some kind, which the tests run as they stand there."""

    def find(page: str, kind: str) -> list[str]:
        return [block.text for block in code_blocks(REPOSITORY / "docs" / page, kind)]

    return find
