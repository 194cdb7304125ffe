"""Other Pythons like this one: with the same packages, also where a script has set ``sys.path``."""

from __future__ import annotations

import os
import sys


def command(module: str) -> list[str]:
    """Return what runs a module as a program."""
    return [sys.executable, "-P", "-m", module]


def environment() -> dict[str, str]:
    """Return this process's environment, with its import path."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
