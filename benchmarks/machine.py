"""When and where something was measured, and the versions of everything that took part."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa

from benchmarks import venvs
from benchmarks.databases import MYSQL, POSTGRESQL

OURS = ("SQLAlchemy", "psycopg", "PyMySQL", "Plone", "Zope", "ZEO", "ZODB", "waitress")


def describe(peers: Iterable[str]) -> dict[str, Any]:
    """Return the date, the machine, and the versions of servers, ours, and of these venvs."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _ask("git", "-C", str(venvs.REPOSITORY), "rev-parse", "--short", "HEAD"),
        "machine": {
            "cores": os.cpu_count(),
            "processor": _processor(),
            "memory_gb": round(psutil.virtual_memory().total / 1e9),
            "system": f"{platform.system()} {platform.release()}",
            "python": platform.python_version(),
        },
        "servers": _servers(),
        "ours": _ours(),
        "peers": {name: _of_peer(name) for name in sorted(set(peers))},
    }


def _of_peer(name: str) -> dict[str, str]:
    try:
        return venvs.versions_of(name)
    except venvs.NotInstallable as error:
        return {"not installed": str(error)}


def _ours() -> dict[str, str]:
    found = venvs.versions_of(None)
    return {name: found[name] for name in OURS if name in found}


def _servers() -> dict[str, str]:
    return {
        "PostgreSQL": _scalar(POSTGRESQL, "SHOW server_version"),
        "PostgreSQL's synchronous_commit": _scalar(POSTGRESQL, "SHOW synchronous_commit"),
        "MariaDB": _scalar(MYSQL, "SELECT version()"),
        "SQLite": sqlite3.sqlite_version,
        "Redis": _redis(),
    }


def _scalar(server: str, query: str) -> str:
    engine = sa.create_engine(server)
    with engine.connect() as connection:
        return str(connection.exec_driver_sql(query).scalar_one())


def _redis() -> str:
    found = re.search(r"v=([\d.]+)", _ask("redis-server", "--version"))
    return found.group(1) if found else "not there"


def _ask(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()
