"""The peers' virtual environments, under ``var/bench/venvs``, from PyPI, versions pinned.

coserver and the ceiling run in the project's own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

from demo import bootstrap

REPOSITORY = Path(__file__).resolve().parents[1]
VENVS = REPOSITORY / "var" / "bench" / "venvs"
PINS = Path(__file__).with_name("peers") / "versions.toml"
STAMP = "made-from.json"


class NotInstallable(Exception):
    """A peer's packages can't be installed here; the text is what the installer said last."""


def python_of(name: str | None) -> Path:
    """Return the Python of a venv, which is made first if need be; ours for None."""
    if name is None:
        return Path(sys.executable)
    packages = tomllib.loads(PINS.read_text())[name]["packages"]
    venv = VENVS / name
    stamp = venv / STAMP
    if not stamp.is_file() or json.loads(stamp.read_text()) != packages:
        _make(venv, packages)
        stamp.write_text(json.dumps(packages))
    return venv / "bin" / "python"


def versions_of(name: str | None) -> dict[str, str]:
    """Return the version of each package of a venv."""
    code = (
        "import importlib.metadata as m, json;"
        "print(json.dumps({d.name: d.version for d in m.distributions()}))"
    )
    done = subprocess.run([python_of(name), "-c", code], capture_output=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return dict(sorted(found.items()))


def _make(venv: Path, packages: list[str]) -> None:
    _uv(venv, "venv", "--clear", "--python", sys.executable, venv)
    _uv(venv, "pip", "install", "--python", venv / "bin" / "python", *packages)


def _uv(venv: Path, *arguments: str | Path) -> None:
    uv = bootstrap.find_uv(bootstrap.directory())
    done = subprocess.run(
        [uv, "--quiet", *arguments],
        env=bootstrap.make_environment(venv),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotInstallable((done.stderr.strip().splitlines() or ["no reason"])[-1])
