"""What children say of themselves before they die: a line for each thing that is certain."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path


class Journal:
    """One child's own file. A line is written at once and whole."""

    def __init__(self, directory: Path) -> None:
        path = directory / f"{os.getpid()}.journal"
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def say(self, event: str, ids: Iterable[str] = ()) -> None:
        """Note that something has happened to the jobs with these ids."""
        os.write(self._file, json.dumps([event, *ids]).encode() + b"\n")


class Journals:
    """All that the children of a directory have said."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def ids(self, event: str) -> set[str]:
        """Return the ids of the jobs to which this has happened."""
        return {job_id for ids in self._said(event) for job_id in ids}

    def count(self, *events: str) -> int:
        """Return how often they were said."""
        return sum(1 for _ in self._said(*events))

    def _said(self, *events: str) -> Iterator[list[str]]:
        for path in self._directory.glob("*.journal"):
            for line in path.read_text().splitlines():
                said, *ids = json.loads(line)
                if said in events:
                    yield ids
