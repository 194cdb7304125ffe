"""A contestant: who it is, how it is started, and what it does and doesn't do."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks import venvs
from benchmarks.databases import EMPTY

COMMAND_TIMEOUT = 600  # seconds that a setup or a producer may take


class Broken(Exception):
    """A contestant can't be run here; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """One of those who are compared.

    ``module`` is its script among the peers, ``venv`` where that runs; ``query`` is added to the
    URL. ``live`` is SQL that counts the jobs that haven't ended, if they can be counted; ``past``
    is the beginning of an INSERT that makes history, a row for each of a series. ``share`` of the
    usual number of jobs is given to it, if it is slow. ``manages`` says that it starts its worker
    processes itself, ``is_quick`` that it takes part in a quick run.
    """

    name: str
    server: str
    module: str
    venv: str | None = None
    query: str = ""
    live: str | None = None
    past: str | None = None
    share: float = 1.0
    manages: bool = False
    is_ours: bool = False
    is_ceiling: bool = False
    is_quick: bool = False
    notes: str

    def scaled(self, jobs: int) -> int:
        """Return how many jobs this one is given where others get ``jobs``."""
        return max(100, round(jobs * self.share))

    @contextmanager
    def database(self) -> Iterator[str]:
        """Yield the URL of an empty database with this contestant's tables."""
        slug = "".join(letter if letter.isalnum() else "_" for letter in self.name.lower())
        with EMPTY[self.server](slug) as url:
            self.tell("setup", url + self.query)
            yield url + self.query

    def command(self, role: str, *arguments: object) -> list[str]:
        """Return the command line for a role."""
        python = venvs.python_of(self.venv)
        module = f"benchmarks.peers.{self.module}"
        return [str(python), "-m", module, role, *map(str, arguments)]

    def tell(self, role: str, *arguments: object) -> dict[str, Any]:
        """Have a role played to its end; return what it answered."""
        try:
            command = self.command(role, *arguments)
        except venvs.NotInstallable as error:
            raise Broken(f"can't be installed: {error}") from error
        done = subprocess.run(
            command,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT,
            check=False,
        )
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
            raise Broken(f"{role} ended with {done.returncode}: {said}")
        lines = done.stdout.strip().splitlines()
        answer: dict[str, Any] = json.loads(lines[-1]) if lines else {}
        return answer


def environment(**added: str) -> dict[str, str]:
    """Return the environment of all contestants' processes: ours, without coserver's settings."""
    plain = {key: value for key, value in os.environ.items() if not key.startswith("COSERVER_")}
    return {**plain, "PYTHONPATH": str(venvs.REPOSITORY), **added}
