"""A PgBouncer of a test's own, in transaction mode, before a PostgreSQL server."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import sqlalchemy as sa

from demo.ports import HOST, free_port
from support.private_postgresql import unprivileged_user
from support.waiting import wait_for

POOL = 3  # sessions of the server, fewer than a client's connections: they are shared
CONFIGURATION = """
[databases]
* = host={host} port={port} user={user}{password}

[pgbouncer]
listen_addr = {here}
listen_port = {own_port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {pool}
max_client_conn = 500
ignore_startup_parameters = extra_float_digits
"""


@contextmanager
def private_pgbouncer(server: str) -> Iterator[str]:
    """Yield the address of a pooler before the database of this URL."""
    address = sa.make_url(server)
    with tempfile.TemporaryDirectory(prefix="coserver-pgbouncer-") as name:
        user, port = unprivileged_user(), free_port()
        file = Path(name, "pgbouncer.ini")
        file.write_text(_configure(address, port))
        if user:
            for path in (file, file.parent):
                os.chown(path, user.pw_uid, user.pw_gid)
        process = subprocess.Popen(
            [find_program(), "-q", file],
            user=user.pw_uid if user else None,
            group=user.pw_gid if user else None,
            extra_groups=[] if user else None,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        here = address.set(host=HOST, port=port)
        try:
            wait_for(lambda: _answers(here), what="PgBouncer to answer")
            yield here.render_as_string(hide_password=False)
        finally:
            process.kill()
            process.wait()


def find_program() -> str:
    """Return the path of ``pgbouncer``; raise if it isn't there."""
    found = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        raise RuntimeError("pgbouncer isn't installed: apt-get install pgbouncer")
    return found


def _configure(address: sa.URL, own_port: int) -> str:
    return CONFIGURATION.format(
        host=address.host,
        port=address.port or 5432,
        user=address.username,
        password=f" password={address.password}" if address.password else "",
        here=HOST,
        own_port=own_port,
        pool=POOL,
    )


def _answers(address: sa.URL) -> bool:
    engine = sa.create_engine(address, poolclass=sa.NullPool)
    with suppress(sa.exc.OperationalError), engine.connect() as connection:
        return bool(connection.scalar(sa.text("SELECT 1")))
    return False
