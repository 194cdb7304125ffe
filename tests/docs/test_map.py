"""The map of the folders shows what there is: no folder is missing, none is left over."""

from __future__ import annotations

import re

import pytest

from demo.bootstrap import REPOSITORY

PACKAGES = (
    REPOSITORY / "src/coserver_consumer",
    REPOSITORY / "src/coserver_consumer/store",
    REPOSITORY / "src/collective/coserver",
)
MAP = REPOSITORY / "docs/folders.svg"
NAMES = re.compile(r'<g font-family="monospace".*?</g>', re.DOTALL)
MEMBERS = {"store", "migrations", "locales", "profiles"}  # the store is the map's middle column


def find_folders() -> set[str]:
    """Return the names of the folders of code, the store's included."""
    return {
        file.parent.name
        for package in PACKAGES
        for file in package.glob("*/__init__.py")
        if file.parent.name not in MEMBERS
    }


def test_the_map_shows_each_folder():
    """A stranger finds each folder of the code in the drawing, and each of the drawing in it."""
    (names,) = NAMES.findall(MAP.read_text())
    drawn = {word for text in re.findall(r">([^<>]+)</text>", names) for word in text.split()}
    assert drawn == find_folders()


@pytest.mark.parametrize("page", ["docs/explanation/architecture.md", "CONTRIBUTING.md"])
def test_the_way_names_each_folder(page: str):
    """Who reads the way of a job passes each folder."""
    code = " ".join(re.findall(r"`([^`]+)`", (REPOSITORY / page).read_text()))
    named = set(re.findall(r"[a-z_]+", code))
    assert find_folders() - named == set()
