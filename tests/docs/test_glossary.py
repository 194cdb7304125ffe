"""The glossary defines each noun that a folder, a table, a loop, a state or a class bears."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from coserver_consumer.model.job import State
from coserver_consumer.store.schema.tables import metadata
from demo.bootstrap import REPOSITORY
from docs.test_map import find_folders

GLOSSARY = (REPOSITORY / "docs/glossary.md").read_text()
TERMS = set(re.findall(r"^(\S.*)\n: ", GLOSSARY, re.MULTILINE))
ROWS = set(re.findall(r"^\| `([a-z_]+)` \|", GLOSSARY, re.MULTILINE))
FOLDERS = ("model", "store", "worker", "processes", "maintenance", "zope", "protocol")
WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z][a-z]*")  # of a class's name
ENGLISH = """
able answer beside bounded busy child connecting count current dead drop end ended followed give
gone ignore keep known live locked long malformed new no not now ours own part plain question
received record released restart search silent step stop tried unable unavailable unqueued used
vacate watch whole worth
"""
COMPUTERS = """
advisory ascii bytes cache connection exit file flag http id info json kind manager name
number pool reply request second shutdown socket sqlite state text thread tls type value
"""
PLAIN = set(re.findall(r"\w+", ENGLISH + COMPUTERS))  # they mean what they mean everywhere
LOOP = re.compile(r'\bLoop\(\s*"(\w+)"')


def find_loops() -> set[str]:
    """Return the names of the loops of maintenance, as threads bear them."""
    folder = REPOSITORY / "src/coserver_consumer/maintenance"
    return {name for file in folder.glob("*.py") for name in LOOP.findall(file.read_text())}


def find_words() -> Iterator[tuple[str, str]]:
    """Yield the words of the public classes' names, each with such a name.

    Those of the errors are sentences, and the reference lists them.
    """
    for folder in FOLDERS:
        for file in (REPOSITORY / "src/coserver_consumer" / folder).rglob("*.py"):
            if "migrations" in file.parts or file.name == "errors.py":
                continue
            for node in ast.parse(file.read_text()).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    yield from ((word.lower(), node.name) for word in WORD.findall(node.name))


def find_defined() -> set[str]:
    """Return the words that the glossary defines."""
    terms = {word for term in TERMS for word in re.findall("[a-z]+", term.lower())}
    return terms | {word for row in ROWS for word in row.split("_")}


def is_one_of(word: str, known: set[str]) -> bool:
    """Return True if the word is known, or its singular or plural is."""
    return bool({word, word.removesuffix("s"), f"{word}s"} & known)


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


def test_the_glossary_defines_each_noun_that_a_class_bears():
    """Whoever reads the code meets them there; what means what it always means needs no entry."""
    known = find_defined() | PLAIN
    words = dict(find_words())
    assert len(words) > 100
    unknown = {word: name for word, name in words.items() if not is_one_of(word, known)}
    assert unknown == {}


def test_no_word_is_called_plain_in_vain():
    """Each is in the name of a class, and needs to be in the list."""
    words = {word.removesuffix("s") for word, _ in find_words()}
    assert {word for word in PLAIN if word.removesuffix("s") not in words} == set()
    assert {word for word in PLAIN if is_one_of(word, find_defined())} == set()


def test_the_glossary_names_nothing_that_is_gone():
    """No folder, table or state is left over."""
    gone = ROWS - find_folders() - {"store", "migrations"} - set(metadata.tables) - set(State)
    assert gone == set()


def test_terms_stand_in_order():
    """Each is found where the alphabet has it."""
    terms = re.findall(r"^(\S.*)\n: ", GLOSSARY, re.MULTILINE)
    assert terms == sorted(terms, key=str.lower)
