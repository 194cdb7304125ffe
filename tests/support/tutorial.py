"""The package that a page has its reader write, made of the page's own text."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "tutorial" / "first-job.md"
FILE = re.compile(r"^`(?P<path>[^`\n]+)`:\n\n```\w+\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)


def write_package(directory: Path, page: Path = PAGE) -> Path:
    """Write each file of the page below ``directory``; return the folder to import from.

    The page is the tutorial's unless another is named.
    """
    for found in FILE.finditer(page.read_text(encoding="utf-8")):
        file = directory / found["path"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(found["text"], encoding="utf-8")
    return directory / "src"
