"""Programs that aren't ours: found, or named together with what brings them; and their shells."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from coserver_consumer.store.database.family import Family, name_family

PACKAGES = {
    "psql": "postgresql-client",
    "mariadb": "mariadb-client",
    "sqlite3": "sqlite3",
    "node": "nodejs",
    "npm": "npm",
}
NAMES = {Family.POSTGRESQL: "psql", Family.MYSQL: "mariadb", Family.SQLITE: "sqlite3"}


def find_program(name: str) -> str:
    """Return where the program is; it is an error if it isn't there."""
    found = shutil.which(name)
    assert found, f"The tests need the program {name}: apt-get install {PACKAGES[name]}"
    return found


@dataclass(frozen=True, slots=True)
class Said:
    """What a program wrote, and whether it succeeded."""

    ok: bool
    output: str
    error: str

    @property
    def rows(self) -> list[list[str]]:
        """The rows of a query; what is NULL is empty."""
        lines = self.output.splitlines()
        return [["" if cell == "NULL" else cell for cell in line.split("\t")] for line in lines]


class Shell:
    """The database's own command line program, on one database."""

    def __init__(self, url: str) -> None:
        self._url = sa.make_url(url)
        family = name_family(self._url.get_backend_name())
        self.kind, self.name = family.value, NAMES[family]

    def run(self, sql: str, *, id: str = "") -> Said:  # noqa: A002  the pages call it so
        """Run SQL; ``id`` is the variable of that name in it."""
        command, text = getattr(self, f"_{self.name}")(find_program(self.name), sql, id)
        done = subprocess.run(command, input=text, text=True, capture_output=True, check=False)
        return Said(done.returncode == 0, done.stdout, done.stderr)

    def _psql(self, program: str, sql: str, job_id: str) -> tuple[list[str], str]:
        url = self._url.set(drivername="postgresql").render_as_string(hide_password=False)
        plain = ["-X", "-q", "-A", "-t", "-F", "\t"]
        return [program, *plain, "-v", "ON_ERROR_STOP=1", "-v", f"id={job_id}", url], sql

    def _mariadb(self, program: str, sql: str, job_id: str) -> tuple[list[str], str]:
        url = self._url
        server = ["-h", str(url.host), "-P", str(url.port or 3306), "-u", str(url.username)]
        plain = ["--batch", "--raw", "--skip-column-names", f"--init-command=SET @id = '{job_id}'"]
        secret = [f"--password={url.password}"] if url.password else []
        return [program, *server, *secret, *plain, str(url.database)], sql

    def _sqlite3(self, program: str, sql: str, job_id: str) -> tuple[list[str], str]:
        before = f".timeout 5000\n.parameter set @id \"'{job_id}'\"\n"
        return [program, "-bail", "-separator", "\t", str(self._url.database)], before + sql


def run_node(script: str, modules: Path, **environment: str) -> Said:
    """Run a script, given as text, beside the folder ``node_modules`` in ``modules``."""
    done = subprocess.run(
        [find_program("node"), "--input-type=module"],
        input=script,
        text=True,
        capture_output=True,
        check=False,
        cwd=modules,
        env=environment,
        timeout=120,
    )
    return Said(done.returncode == 0, done.stdout, done.stderr)
