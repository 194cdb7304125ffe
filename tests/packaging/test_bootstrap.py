"""The venv of ``bin/demo`` and ``bin/test``: made once, never over something else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from demo import bootstrap

OLD = "import sys; sys.version_info = (3, 9, 18); import demo.bootstrap"
NO_VENV = """
import sys
sys.modules["ensurepip"] = None
from demo import bootstrap
bootstrap.prepare_or_exit(bootstrap.directory())
"""


def run_python(*arguments: str, venv: Path) -> subprocess.CompletedProcess[str]:
    """Run the Python that made the venv of the tests, which knows none of its packages."""
    return subprocess.run(
        [sys._base_executable, *arguments],
        cwd=bootstrap.REPOSITORY,
        env=os.environ | {"COSERVER_VENV": str(venv)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_nothing_is_done_when_nothing_has_changed():
    """The second start finds the stamp, and has no step to tell of."""
    stamp = Path(sys.prefix) / bootstrap.STAMP
    before = stamp.stat().st_mtime_ns
    done = run_python("-m", "demo.bootstrap", venv=Path(sys.prefix))
    assert (done.stdout, done.stderr) == (f"{sys.prefix}/bin/python\n", "")
    assert stamp.stat().st_mtime_ns == before


def test_a_changed_lock_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The stamp of another lock isn't taken for this one's."""
    lock = tmp_path / "requirements.lock"
    lock.write_bytes(bootstrap.LOCK.read_bytes() + b"\nanother==1.0")
    before = bootstrap._stamp_of(tmp_path)
    monkeypatch.setattr(bootstrap, "LOCK", lock)
    assert bootstrap._stamp_of(tmp_path) != before


def test_an_old_python_is_told_what_is_needed(tmp_path: Path):
    """Python 3.9 gets a sentence, not a traceback."""
    done = run_python("-c", OLD, venv=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("Python 3.11 or later is needed, this is 3.9.")


def test_a_missing_venv_module_is_named(tmp_path: Path):
    """On Debian the message names the package to install."""
    done = run_python("-c", NO_VENV, venv=tmp_path / "venv")
    assert done.returncode == 1
    assert "apt-get install python3-venv" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_directory_that_is_no_venv_is_left_alone(tmp_path: Path):
    """COSERVER_VENV on somebody's files is refused, and they stay."""
    (tmp_path / "letter").write_text("Dear")
    done = run_python("-m", "demo.bootstrap", venv=tmp_path)
    assert done.returncode == 1
    assert f"{tmp_path} isn't a working virtual environment" in done.stderr
    assert (tmp_path / "letter").read_text() == "Dear"


def test_an_interrupted_installation_is_begun_anew(tmp_path: Path):
    """What an interruption left behind is known by its stamp, and replaced."""
    (tmp_path / bootstrap.STAMP).write_text(bootstrap.UNFINISHED)
    assert bootstrap._must_create(tmp_path, Path(sys.executable))


def test_a_venv_that_was_moved_is_made_anew(tmp_path: Path):
    """Its scripts name the place where it was; the stamp does too."""
    (tmp_path / bootstrap.STAMP).write_text(bootstrap._stamp_of(tmp_path))
    assert not bootstrap._must_create(tmp_path, Path(sys.executable))
    (tmp_path / bootstrap.STAMP).write_text(bootstrap._stamp_of(tmp_path / "elsewhere"))
    assert bootstrap._must_create(tmp_path, Path(sys.executable))


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Where there isn't room enough nothing is begun, and the message says how much is free."""
    monkeypatch.setattr(bootstrap, "NEEDED", 10**18)
    with pytest.raises(bootstrap.Refused, match=r"GB are free at .*, 1000000000\.0 are needed"):
        bootstrap.prepare(tmp_path)
    assert not any(tmp_path.iterdir())
