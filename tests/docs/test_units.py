"""The unit of systemd is one that systemd understands, and heeds how a consumer ends."""

from __future__ import annotations

import configparser
import os
import subprocess
import sys
from pathlib import Path

import pytest

from coserver_consumer.processes.exit_codes import FAILED, START_AGAIN, WRONG_USE
from coserver_consumer.settings.settings import Settings
from demo.bootstrap import REPOSITORY
from support.tutorial import FILE

PAGE = REPOSITORY / "docs" / "how-to" / "run-under-systemd.md"
COSERVER = Path(sys.executable).with_name("coserver")


@pytest.fixture(scope="module")
def unit() -> str:
    """The unit of the page."""
    [found] = FILE.finditer(PAGE.read_text())
    return found["text"]


def test_systemd_understands_the_unit(unit: str, tmp_path: Path):
    """With a program and a user that are there. The program is in Debian's package systemd."""
    mine = unit.replace("/srv/plone/venv/bin/coserver", f'"{COSERVER}"')
    file = tmp_path / "coserver.service"
    file.write_text(mine.replace("User=plone", "User=nobody"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", file],
        env=os.environ | {"SYSTEMD_LOG_LEVEL": "warning"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert [line for line in done.stderr.splitlines() if file.name in line] == []


def test_the_unit_heeds_how_a_consumer_ends(unit: str):
    """It isn't started again with settings that are wrong, and has time to drain."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(unit)
    service = parser["Service"]
    kept = {int(code) for code in service["RestartPreventExitStatus"].split()}
    assert kept == {WRONG_USE}
    assert not kept & {FAILED, START_AGAIN}
    assert int(service["TimeoutStopSec"]) > Settings(database="sqlite:///x").grace


def test_a_consumer_with_wrong_settings_ends_as_the_unit_expects(tmp_path: Path):
    """Before it has done anything."""
    environment = {"COSERVER_DATABASE": f"sqlite:///{tmp_path}/x", "COSERVER_THREADS": "many"}
    done = subprocess.run([COSERVER, "run"], env=os.environ | environment, check=False)
    assert done.returncode == WRONG_USE
