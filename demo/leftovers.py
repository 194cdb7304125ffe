"""Processes that outlived their program, because it was killed before it could stop them."""

from __future__ import annotations

import json
from pathlib import Path

import psutil

from demo.processes import Process


def remember(directory: Path, process: Process) -> None:
    """Note a process that was just started for the installation in ``directory``."""
    folder = directory / "run"
    folder.mkdir(parents=True, exist_ok=True)
    note = {"pid": process.pid, "created": psutil.Process(process.pid).create_time()}
    (folder / f"{process.name}.json").write_text(json.dumps(note))


def end_all(directory: Path) -> list[str]:
    """End the processes noted in ``directory`` that still run; return their names."""
    found = {file.stem: _find(file) for file in (directory / "run").glob("*.json")}
    left = {name: process for name, process in found.items() if process}
    for process in left.values():
        process.terminate()
    _, stubborn = psutil.wait_procs(left.values(), timeout=20)
    for process in stubborn:
        process.kill()
    return sorted(left)


def _find(note: Path) -> psutil.Process | None:
    """Return the noted process, unless it ended and its number went to another."""
    try:
        said = json.loads(note.read_text())
        process = psutil.Process(said["pid"])
        same = process.create_time() == said["created"]
    except (psutil.NoSuchProcess, ValueError, KeyError):
        return None
    return process if same else None
