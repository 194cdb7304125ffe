"""The file of figures: what each benchmark found the last time, when, where, and of what versions.

A benchmark's figures are of one run, so that they can be compared; those of different benchmarks
may be of different runs.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.catalogue import CONTESTANTS
from benchmarks.outcome import Options, Outcome

Record = dict[str, Any]


def load(file: Path) -> Record:
    """Return what the file holds, nothing if it isn't there."""
    found: Record = json.loads(file.read_text()) if file.exists() else {}
    return found


def keep(file: Path, name: str, figures: Record, options: Options) -> None:
    """Put a benchmark's figures into the file."""
    peers = {contestant.venv for contestant in options.choose() if contestant.venv}
    _add(file, {name: {"about": _about(peers, options), **figures}})


def publish(file: Path, published: Path) -> None:
    """Put all figures of a file into another; those of benchmarks that it hasn't stay."""
    _add(published, load(file).get("benchmarks", {}))


def _add(file: Path, benchmarks: Record) -> None:
    kept = load(file).get("benchmarks", {})
    found = {"contestants": describe_contestants(), "benchmarks": kept | benchmarks}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found, indent=2) + "\n")


def outcomes(file: Path) -> dict[str, Outcome]:
    """Return what the scenarios have found, by their names."""
    return {
        name: Outcome.from_json(found)
        for name, found in load(file).get("benchmarks", {}).items()
        if "figures" in found
    }


def _about(peers: set[str], options: Options) -> Record:
    asked = {"quick": options.quick, "only": list(options.only)}
    return {**machine.describe(peers), **asked}


def describe_contestants() -> dict[str, Record]:
    """Return who takes part, and what each does and doesn't."""
    return {one.name: {"server": one.server, "notes": one.notes} for one in CONTESTANTS}
