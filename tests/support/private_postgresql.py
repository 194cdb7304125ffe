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
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

from demo.ports import HOST, free_port
from support.small_disk import small_disk

PREFIX = "coserver-postgresql-"
DEBIAN = Path("/usr/lib/postgresql")
UNPRIVILEGED = ("postgres", "nobody")
INITDB = ("-U", "queue", "-A", "trust", "--no-sync", "-E", "UTF8", "--wal-segsize=1")
OPTIONS = "-c unix_socket_directories='' -c checkpoint_timeout=1h -F"
DISK_MB = 64  # of which an empty queue takes half


class PrivatePostgresql:
    """A cluster in a directory of its own; ``start``, ``stop`` and ``crash`` return when done.

    Its data and its write-ahead log are in folders beside each other.
    """

    def __init__(self, directory: Path) -> None:
        self.data = directory / "data"
        self.log = directory / "log"
        self.port = free_port()
        self._directory = directory
        self._programs = find_programs()
        self._call("initdb", *INITDB, "-D", self.data, "--waldir", self.log / "wal")

    @property
    def url(self) -> str:
        """The address of its database."""
        return f"postgresql+psycopg://queue@{HOST}:{self.port}/postgres"

    @property
    def is_running(self) -> bool:
        """True until it has stopped, or has given up."""
        return (self.data / "postmaster.pid").exists()

    def start(self) -> None:
        """Start the server."""
        options = f"-p {self.port} -c listen_addresses={HOST} {OPTIONS}"
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
def private_postgresql(*, small: str | None = None) -> Iterator[PrivatePostgresql]:
    """Yield a running server; it and its data are gone afterwards.

    ``small`` is the folder, ``data`` or ``log``, that is to be on a disk that can be filled.
    """
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=PREFIX)))
        give_away(directory)
        if small is not None:
            disk = small_disk(directory / small, megabytes=DISK_MB)
            give_away(stack.enter_context(disk))
        server = PrivatePostgresql(directory)
        server.start()
        stack.callback(server.crash)
        yield server


def give_away(directory: Path, *names: str) -> None:
    """Let a server's user have a directory."""
    if user := unprivileged_user(*names):
        os.chown(directory, user.pw_uid, user.pw_gid)


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


def unprivileged_user(*names: str) -> pwd.struct_passwd | None:
    """Return the first of these users, to run a server as, if we are root; None if we aren't."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    return next(known[name] for name in names or UNPRIVILEGED if name in known)
