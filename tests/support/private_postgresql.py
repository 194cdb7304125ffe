"""A PostgreSQL server of a test's own, to be stopped and started at will.

It runs the binaries of ``$COSERVER_TEST_POSTGRESQL_BIN``, of PATH, or of Debian's packages, as an
unprivileged user, since PostgreSQL refuses to run as root.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from demo.ports import HOST, free_port

DEBIAN = Path("/usr/lib/postgresql")
UNPRIVILEGED = ("postgres", "nobody")


class PrivatePostgresql:
    """A cluster in a directory of its own; ``start``, ``stop`` and ``crash`` return when done."""

    def __init__(self, directory: Path) -> None:
        self.data = directory / "data"
        self.port = free_port()
        self._directory = directory
        self._programs = find_programs()
        self._call(
            "initdb", "-D", self.data, "-U", "queue", "-A", "trust", "--no-sync", "-E", "UTF8"
        )

    @property
    def url(self) -> str:
        """The address of its database."""
        return f"postgresql+psycopg://queue@{HOST}:{self.port}/postgres"

    def start(self) -> None:
        """Start the server."""
        options = f"-p {self.port} -c listen_addresses={HOST} -c unix_socket_directories='' -F"
        self._control("start", "-o", options, "-l", self._directory / "server.log")

    def stop(self) -> None:
        """Stop the server; its connections are closed."""
        self._control("stop", "-m", "fast")

    def crash(self) -> None:
        """Stop the server as a power failure does."""
        self._control("stop", "-m", "immediate")

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Stop all its processes where they are; the kernel goes on to take what comes."""
        server = psutil.Process(int((self.data / "postmaster.pid").read_text().split()[0]))
        processes = [server, *server.children()]
        for process in processes:
            process.suspend()
        try:
            yield
        finally:
            for process in processes:
                process.resume()

    def _control(self, *arguments: str | Path) -> None:
        self._call("pg_ctl", "-D", self.data, "-w", "-t", "60", *arguments)

    def _call(self, program: str, *arguments: str | Path) -> None:
        user = unprivileged_user()
        done = subprocess.run(
            [self._programs / program, *arguments],
            user=user.pw_uid if user else None,
            group=user.pw_gid if user else None,
            extra_groups=[] if user else None,
            cwd=self._directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr}")


@contextmanager
def private_postgresql() -> Iterator[PrivatePostgresql]:
    """Yield a running server; it and its data are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="coserver-postgresql-") as name:
        directory = Path(name)
        if user := unprivileged_user():
            os.chown(directory, user.pw_uid, user.pw_gid)
        server = PrivatePostgresql(directory)
        server.start()
        try:
            yield server
        finally:
            server.crash()


def find_programs() -> Path:
    """Return the directory of ``initdb`` and ``pg_ctl``; raise if there is none."""
    if named := os.environ.get("COSERVER_TEST_POSTGRESQL_BIN"):
        return Path(named)
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    versions = sorted(DEBIAN.glob("*/bin"), key=lambda path: float(path.parent.name))
    if not versions:
        raise RuntimeError("PostgreSQL's programs initdb and pg_ctl aren't installed.")
    return versions[-1]


def unprivileged_user() -> pwd.struct_passwd | None:
    """Return the user to run the server as if we are root, None if we aren't."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    return next(known[name] for name in UNPRIVILEGED if name in known)
