"""Print buildout's versions.cfg for a requirements.lock: ``python -m demo.versions FILE``."""

import re
import sys
from collections import defaultdict
from pathlib import Path

PIN = re.compile(r"^([a-z0-9.-]+)==([^\s;]+)", re.MULTILINE)
SPELLING = {"zc-recipe-egg": "zc.recipe.egg"}  # buildout looks for it by this name only


def as_versions(lock: str) -> str:
    """Return the pins of a lock as buildout's section ``versions``.

    A package whose version depends on the Python has several pins, of which buildout could
    read but one: it stays unpinned.
    """
    pins = defaultdict(set)
    for name, version in PIN.findall(lock):
        pins[SPELLING.get(name, name)].add(version)
    lines = [f"{name} = {min(found)}" for name, found in pins.items() if len(found) == 1]
    return "\n".join(["# Made from requirements.lock by: make lock", "[versions]", *lines])


if __name__ == "__main__":
    print(as_versions(Path(sys.argv[1]).read_text()))
