"""The glossary defines each noun that a folder, a table, a loop, a state or a public name bears."""

from __future__ import annotations

import re

import pytest

from coserver_consumer.model.job import State
from coserver_consumer.store.schema.tables import metadata
from demo.bootstrap import REPOSITORY
from docs.test_map import find_folders

GLOSSARY = (REPOSITORY / "docs/glossary.md").read_text()
TERMS = set(re.findall(r"^(\S.*)\n: ", GLOSSARY, re.MULTILINE))
ROWS = set(re.findall(r"^\| `([a-z_]+)` \|", GLOSSARY, re.MULTILINE))
LOOP = re.compile(r'\bLoop\(\s*"(\w+)"')


def find_loops() -> set[str]:
    """Return the names of the loops of maintenance, as threads bear them."""
    folder = REPOSITORY / "src/coserver_consumer/maintenance"
    return {name for file in folder.glob("*.py") for name in LOOP.findall(file.read_text())}


@pytest.mark.parametrize(
    "names",
    [find_folders() | {"store", "migrations"}, set(metadata.tables), set(State)],
    ids=["folders", "tables", "states"],
)
def test_the_glossary_has_a_row_for_each(names: set[str]):
    """Whoever meets the name in the code or in SQL finds out what it means."""
    assert names - ROWS == set()


def test_the_glossary_defines_each_loop():
    """An administrator meets their names in logs and in stack dumps."""
    loops = find_loops()
    assert len(loops) > 5
    assert {loop for loop in loops if loop.capitalize() not in TERMS} == set()


def test_the_glossary_names_nothing_that_is_gone():
    """No folder, table or state is left over."""
    gone = ROWS - find_folders() - {"store", "migrations"} - set(metadata.tables) - set(State)
    assert gone == set()


def test_terms_stand_in_order():
    """Each is found where the alphabet has it."""
    terms = re.findall(r"^(\S.*)\n: ", GLOSSARY, re.MULTILINE)
    assert terms == sorted(terms, key=str.lower)
