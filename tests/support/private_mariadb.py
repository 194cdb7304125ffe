"""A MariaDB server of a test's own, with a user who has no rights but those on a queue.

It runs Debian's or PATH's ``mariadbd``, as an unprivileged user, since it refuses to run as root.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import sqlalchemy as sa

from demo.ports import HOST, free_port
from support.private_postgresql import give_away, unprivileged_user
from support.small_disk import filled, small_disk
from support.waiting import wait_for

PREFIX = "coserver-mariadb-"
DATA, LOG = "data", "server.log"
USERS = ("mysql", "nobody")
DISK_MB = 192  # of which an empty queue takes half
PASSWORD = "of the queue"
SMALL = (
    "--innodb-buffer-pool-size=16M",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-log-file-size=8M",
    "--performance-schema=OFF",
)


class PrivateMariadb:
    """A server in a directory of its own, and a database ``queue`` of the user ``queue``."""

    def __init__(self, directory: Path) -> None:
        self.data = directory / DATA
        self._directory = directory
        self._port = free_port()
        self._server: subprocess.Popen[bytes] | None = None
        plain = "--auth-root-authentication-method=normal"
        if self._start("mariadb-install-db", plain, "--skip-test-db").wait():
            raise RuntimeError(f"mariadb-install-db failed: {self._said()}")

    @property
    def url(self) -> str:
        """The address of the queue, as its user has it."""
        address = sa.URL.create(
            "mysql+pymysql", "queue", PASSWORD, host=HOST, port=self._port, database="queue"
        )
        return address.render_as_string(hide_password=False)

    def start(self) -> None:
        """Start the server; return when it answers."""
        listening = (f"--port={self._port}", f"--bind-address={HOST}", "--skip-name-resolve")
        self._server = self._start("mariadbd", f"--socket={self._socket}", *listening)
        wait_for(self._answers, what="MariaDB to answer")

    def make_queue(self) -> None:
        """Make the database, and its user."""
        self.command(
            "CREATE DATABASE queue",
            f"CREATE USER queue IDENTIFIED BY '{PASSWORD}'",
            "GRANT ALL ON queue.* TO queue",
        )

    def kill(self) -> None:
        """End the server as a power failure does."""
        if self._server is not None:
            self._server.kill()
            self._wait()

    def command(self, *statements: str) -> None:
        """Do as the server's administrator."""
        engine = sa.create_engine(
            f"mysql+pymysql://root@/mysql?unix_socket={self._socket}",
            isolation_level="AUTOCOMMIT",
            poolclass=sa.NullPool,
        )
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """Let nobody write but administrators, as on a server that was demoted."""
        self.command("SET GLOBAL read_only = ON")
        yield
        self.command("SET GLOBAL read_only = OFF")

    @contextmanager
    def another_password(self) -> Iterator[None]:
        """Give the queue's user another password, and end the sessions there are."""
        self.command("SET PASSWORD FOR queue = PASSWORD('another')", "KILL USER queue")
        yield
        self.command(f"SET PASSWORD FOR queue = PASSWORD('{PASSWORD}')")

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """Fill the disk; if the server has died of that, start it afterwards.

        It dies where it has no room to roll back.
        """
        with filled(self.data):
            yield
        try:
            self.command("SELECT 1")
        except sa.exc.OperationalError:
            self._wait()
            self.start()

    @property
    def _socket(self) -> Path:
        return self._directory / "socket"

    def _wait(self) -> None:
        if self._server is not None:
            self._server.wait()

    def _said(self) -> str:
        return (self._directory / LOG).read_text()[-2000:]

    def _answers(self) -> bool:
        if self._server is None or self._server.poll() is not None:
            raise RuntimeError(f"mariadbd ended: {self._said()}")
        with suppress(sa.exc.OperationalError):
            self.command("SELECT 1")
            return True
        return False

    def _start(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        user = unprivileged_user(*USERS)
        with (self._directory / LOG).open("ab") as log:
            return subprocess.Popen(
                [
                    find_program(program),
                    "--no-defaults",
                    f"--datadir={self.data}",
                    f"--tmpdir={self._directory}",
                    *SMALL,
                    *arguments,
                ],
                user=user.pw_uid if user else None,
                group=user.pw_gid if user else None,
                extra_groups=[] if user else None,
                cwd=self._directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )


@contextmanager
def private_mariadb(*, has_small_disk: bool = False) -> Iterator[PrivateMariadb]:
    """Yield a running server; it and its data are gone afterwards."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=PREFIX)))
        give_away(directory, *USERS)
        if has_small_disk:
            disk = small_disk(directory / DATA, megabytes=DISK_MB)
            give_away(stack.enter_context(disk), *USERS)
        server = PrivateMariadb(directory)
        stack.callback(server.kill)
        server.start()
        server.make_queue()
        yield server


def find_program(name: str) -> str:
    """Return the path of one of MariaDB's programs; raise if it isn't there."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        raise RuntimeError(f"{name} isn't installed: apt-get install mariadb-server")
    return found
