"""Build the wheel, install it into an empty venv, and run a job there, without any Zope.

A program of ``make check``: it needs the network or the package cache that made the venv.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from zipfile import ZipFile

from demo.bootstrap import LOCK, REPOSITORY, directory, find_uv, make_environment

TYPED = ["coserver_consumer/py.typed", "collective/coserver/py.typed"]
UV = find_uv(directory())
ZOPE = ["Zope", "ZODB", "ZEO", "transaction", "zope.interface", "Products.CMFPlone"]


def main() -> None:
    """Do it all in a directory that is thrown away."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        wheel = build(directory / "wheel")
        expect_types(wheel)
        scripts = install(wheel, directory / "venv")
        expect_no_zope(scripts)
        run_a_job(scripts, directory)
    print(f"{wheel.name} works alone.")


def build(directory: Path) -> Path:
    """Return the wheel, built from the source archive with the setuptools of this venv."""
    flags = ["--no-isolation", "--outdir", directory]
    call(sys.executable, "-m", "build", *flags, REPOSITORY)
    (wheel,) = directory.glob("*.whl")
    return wheel


def expect_types(wheel: Path) -> None:
    """Fail if type checkers wouldn't read the packages' types (PEP 561)."""
    with ZipFile(wheel) as archive:
        missing = [marker for marker in TYPED if marker not in archive.namelist()]
    if missing:
        sys.exit(f"The wheel lacks {', '.join(missing)}: type checkers would ignore its types.")


def install(wheel: Path, venv: Path) -> Path:
    """Install the wheel with the locked versions; return the directory of its scripts."""
    call(sys.executable, "-m", "venv", "--without-pip", venv)
    python = venv / "bin" / "python"
    flags = ["--quiet", "--python", python, "--constraint", LOCK]
    call(UV, "pip", "install", *flags, wheel)
    return venv / "bin"


def expect_no_zope(scripts: Path) -> None:
    """Fail if the wheel brought any Zope with it."""
    listed = json.loads(call(UV, "pip", "list", "--format", "json", "--python", scripts / "python"))
    found = {package["name"].lower().replace("-", ".") for package in listed}
    unwanted = [name for name in ZOPE if name.lower() in found]
    if unwanted:
        sys.exit(f"The wheel installs {', '.join(unwanted)}: it must do without Zope.")


def run_a_job(scripts: Path, directory: Path) -> None:
    """Make a queue, add a job that calls a server of ours, and see a consumer complete it."""
    with ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"127.0.0.1:{server.server_port}"
        environment = {
            "COSERVER_DATABASE": f"sqlite:///{directory / 'queue.sqlite'}",
            "COSERVER_HTTP_ALLOW": address,
        }
        coserver = partial(call, scripts / "coserver", **environment)
        for arguments in (["--version"], ["--help"], ["init"]):
            print(coserver(*arguments).strip().splitlines()[0])
        job_id = coserver("add", "http", f"url=http://{address}/").strip()
        command = [scripts / "coserver", "run", "--poll-max", "0.1"]
        with subprocess.Popen(command, env=os.environ | environment) as consumer:
            wait_for(lambda: json.loads(coserver("jobs", "show", job_id, "--json")))
            consumer.terminate()
        if consumer.returncode:
            sys.exit(f"The consumer ended with {consumer.returncode}.")
        server.shutdown()


def wait_for(show: Callable[[], dict[str, Any]], within: float = 30) -> None:
    """Return when the job is completed; end this script if it isn't in time."""
    end = time.monotonic() + within
    while (job := show())["state"] != "completed":
        if time.monotonic() > end:
            sys.exit(f"The job isn't completed: {job}")


def call(*command: str | Path, **environment: str) -> str:
    """Return what a command printed, or end this script with it."""
    done = subprocess.run(
        command,
        cwd=tempfile.gettempdir(),
        env=make_environment(directory()) | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        shown = " ".join(map(str, command))
        sys.exit(f"{shown} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
