"""A file system of a few megabytes, which a test may fill to its last byte."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

PIECE = b"x" * 4096  # one page of the file system

only_root_mounts = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can make a file system to be filled"
)


@contextmanager
def small_disk(directory: Path, *, megabytes: int) -> Iterator[Path]:
    """Yield the directory, which isn't there yet, as a file system of its own, in memory."""
    directory.mkdir()
    size = f"size={megabytes}m"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", directory], check=True)
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", directory], check=True)


@contextmanager
def filled(directory: Path) -> Iterator[None]:
    """Let a file system have no byte to spare."""
    waste = directory / "waste"
    with suppress(OSError), waste.open("wb", buffering=0) as file:
        while True:
            file.write(PIECE)
    try:
        yield
    finally:
        waste.unlink()
