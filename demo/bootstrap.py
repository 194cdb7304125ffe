"""The virtual environment, made from the locks. It runs before there is one: standard library.

``enter`` is the first thing that ``bin/demo`` and ``bin/test`` call. Nothing is done when the
stamp in the venv says that it was made from these very locks.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  any python3 may start this
    sys.exit(
        f"Python 3.11 or later is needed, this is {sys.version_info[0]}.{sys.version_info[1]}. "
        f"If there is another on this machine, name it: python3.12 {sys.argv[0]}"
    )

import fcntl
import hashlib
import importlib.util
import os
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.steps import complain, say, step

REPOSITORY = Path(__file__).resolve().parents[1]
LOCK = REPOSITORY / "requirements.lock"
UV_LOCK = REPOSITORY / "bootstrap.lock"
PROJECTS = [REPOSITORY, REPOSITORY / "examples"]
STAMP = "coserver.stamp"
UNFINISHED = "unfinished"
NEEDED = 1_500_000_000  # bytes: the packages, their .pyc files and the downloads
PACKAGE_LINES = (" + ", " - ", " ~ ", " Downloaded ")
DISK_FULL = 100_000_000  # with fewer bytes free than this, a failure is the disk's


class Refused(Exception):
    """The venv can't be made; the text says why, and what to do."""


def enter(script: str) -> None:
    """Make sure of the venv, and go on in its Python with the same script and arguments."""
    venv = directory()
    if Path(sys.prefix) == venv:
        return
    python = prepare_or_exit(venv)
    os.execv(python, [str(python), script, *sys.argv[1:]])  # noqa: S606  no shell is wanted


def prepare_or_exit(venv: Path) -> Path:
    """Return the venv's Python as ``prepare`` does, or end with a message and exit code 1."""
    try:
        return prepare(venv)
    except Refused as error:
        complain(str(error))
    except KeyboardInterrupt:
        complain("\nInterrupted. The next start begins the installation anew.")
    except OSError as error:
        complain(f"{error}\n{_room(venv)}")
    sys.exit(1)


def directory() -> Path:
    """Where the venv is: $COSERVER_VENV, or .venv in the repository."""
    return Path(os.environ.get("COSERVER_VENV") or REPOSITORY / ".venv").resolve()


def prepare(venv: Path) -> Path:
    """Return the Python of a venv that holds exactly what the locks say, and the project."""
    python = venv / "bin" / "python"
    if not _is_current(venv):
        venv.mkdir(parents=True, exist_ok=True)
        with _alone(venv):
            if not _is_current(venv):
                _make(venv, python)
    return python


def _make(venv: Path, python: Path) -> None:
    _check_room(venv)
    if _must_create(venv, python):
        _create(venv)
    (venv / STAMP).write_text(UNFINISHED)
    uv = _install_uv(venv, python)
    with step(f"Installing the packages of {LOCK.name} into {venv}"):
        _run([uv, "pip", "sync", "--require-hashes", "--compile-bytecode", LOCK], venv)
    with step("Installing this project"):
        flags = ["--quiet", "--no-deps", "--no-build-isolation"]
        editable = [part for project in PROJECTS for part in ("--editable", project)]
        _run([uv, "pip", "install", *flags, *editable], venv)
    (venv / STAMP).write_text(_stamp_of(venv))


def _is_current(venv: Path) -> bool:
    return _read_stamp(venv) == _stamp_of(venv) and _works(venv / "bin" / "python")


def _read_stamp(venv: Path) -> str:
    stamp = venv / STAMP
    return stamp.read_text() if stamp.is_file() else ""


def _stamp_of(venv: Path) -> str:
    """Return the stamp of a finished venv: where it is, and a hash of all it is made from."""
    files = [LOCK, UV_LOCK, *(project / "setup.py" for project in PROJECTS)]
    made_from = [bytes(REPOSITORY), *(file.read_bytes() for file in files)]
    return f"{venv}\n{hashlib.sha256(b'|'.join(made_from)).hexdigest()}"


def _works(python: Path) -> bool:
    """True if this Python starts, and still is the one that its packages are for."""
    code = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


def _must_create(venv: Path, python: Path) -> bool:
    """True if there is no venv, or one of ours that is unfinished, was moved, or is broken."""
    if not any(venv.iterdir()):
        return True
    if _read_stamp(venv):
        return not _read_stamp(venv).startswith(f"{venv}\n") or not _works(python)
    if _works(python):
        return False
    raise Refused(
        f"{venv} isn't a working virtual environment, and nothing says that this program made "
        "it. Remove it, or name another place with COSERVER_VENV."
    )


def _create(venv: Path) -> None:
    if importlib.util.find_spec("ensurepip") is None:
        raise Refused(
            "This Python can't make virtual environments: its modules venv and ensurepip are "
            "missing. On Debian and Ubuntu: apt-get install python3-venv"
        )
    with step(f"Making a virtual environment in {venv}"):
        _empty(venv)
        (venv / STAMP).write_text(UNFINISHED)
        _run([sys.executable, "-m", "venv", venv], venv)


def _empty(directory: Path) -> None:
    for entry in directory.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def find_uv(venv: Path) -> Path:
    """Return where a finished venv has its uv."""
    return venv / "uv" / "bin" / "uv"


def _install_uv(venv: Path, python: Path) -> Path:
    """Return the uv of the lock, in a folder of its own beside the packages."""
    place = find_uv(venv).parents[1]
    with step("Installing uv, which installs the rest"):
        shutil.rmtree(place, ignore_errors=True)
        flags = ["--quiet", "--disable-pip-version-check", "--require-hashes", "--no-deps"]
        _run([python, "-m", "pip", "install", *flags, "--target", place, "-r", UV_LOCK], venv)
    return find_uv(venv)


def _run(command: list, venv: Path) -> None:
    """Run a command and show what it says, but for uv's list of every package."""
    with subprocess.Popen(
        command,
        env=make_environment(venv),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        for line in process.stdout:
            if not line.startswith(PACKAGE_LINES):
                say(f"    {line.rstrip()}")
    if process.returncode:
        shown = " ".join(map(str, command[:4]))
        raise Refused(f"{shown} ... ended with {process.returncode}. {_room(venv)}")


def make_environment(venv: Path) -> dict:
    """Return the environment for pip and uv: this venv, and the trust that Python has."""
    trusted = ssl.get_default_verify_paths()
    wanted = {"UV_HTTP_TIMEOUT": "120", "UV_PYTHON_DOWNLOADS": "never"}
    if "PIP_INDEX_URL" in os.environ:
        wanted["UV_DEFAULT_INDEX"] = os.environ["PIP_INDEX_URL"]
    if trusted.cafile:
        wanted["SSL_CERT_FILE"] = trusted.cafile
    elif trusted.capath:
        wanted["SSL_CERT_DIR"] = trusted.capath
    return {**wanted, **os.environ, "VIRTUAL_ENV": str(venv)}


def _check_room(venv: Path) -> None:
    if shutil.disk_usage(venv).free < NEEDED:
        raise Refused(f"There isn't room enough for {venv}. {_room(venv)}")


def _room(venv: Path) -> str:
    """Say how much is free, and that it is too little if it is."""
    place = venv if venv.exists() else REPOSITORY
    free = shutil.disk_usage(place).free
    if free < DISK_FULL:
        return f"The disk is full: {free / 1e6:.0f} MB are free at {place}."
    if free < NEEDED:
        return f"{free / 1e9:.1f} GB are free at {place}, {NEEDED / 1e9:.1f} are needed."
    return "What it said stands above; the next start tries again."


@contextmanager
def _alone(venv: Path) -> Iterator[None]:
    """Hold a lock on the venv, so that two starts don't make it at once."""
    handle = os.open(venv, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


if __name__ == "__main__":
    print(prepare_or_exit(directory()))
