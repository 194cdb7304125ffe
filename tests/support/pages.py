"""The pages of the documentation: their links, their headings, their blocks of code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from demo.bootstrap import REPOSITORY

FENCE = re.compile(r"^```(?P<kind>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
FILE_NAME = re.compile(r"^`[^`\n]+`:\n\n\Z", re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\((?!https?:)(?P<target>[^)\s]+)\)")
HEADING = re.compile(r"^#+ +(?P<text>.+)$", re.MULTILINE)


def _find_pages() -> list[Path]:
    folders = [
        REPOSITORY.glob("*.md"),
        REPOSITORY.glob("docs/**/*.md"),
        REPOSITORY.glob("examples/*.md"),
        REPOSITORY.glob("news/README.md"),
    ]
    return sorted(page.relative_to(REPOSITORY) for pages in folders for page in pages)


PAGES = _find_pages()


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code; ``place`` says where it stands."""

    text: str
    place: str


def code_blocks(page: Path, kind: str) -> list[Block]:
    """Return the blocks whose fence says exactly ``kind``, but for those that are files."""
    text = page.read_text()
    return [
        Block(found["text"], f"{page}:{len(text[: found.start()].splitlines()) + 1}")
        for found in FENCE.finditer(text)
        if found["kind"] == kind and not FILE_NAME.search(text, endpos=found.start())
    ]


def find_links(page: Path) -> list[str]:
    """Return the targets of the links that don't lead to another site."""
    return [found["target"] for found in LINK.finditer(FENCE.sub("", page.read_text()))]


def find_anchors(page: Path) -> set[str]:
    """Return the names of the headings, as GitHub makes them."""
    headings = [found["text"] for found in HEADING.finditer(FENCE.sub("", page.read_text()))]
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}
