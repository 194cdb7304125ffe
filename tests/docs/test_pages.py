"""The pages are true: their links lead somewhere, and their code and settings work.

A block ```` ```python ```` is run outside of Plone, in an empty directory with a queue; the blocks
of a page share their names. ```` ```python plone ```` is run by ``tests/plone``, inside a site. A
block ```` ```toml ```` must be a settings file. Blocks that a page presents as files, by their
names, are run where those files belong (``tests/acceptance/test_tutorial.py``).
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from coserver_consumer import store
from coserver_consumer.settings.loading import load_settings
from demo.bootstrap import REPOSITORY
from support.pages import PAGES, code_blocks, find_anchors, find_links

pytestmark = pytest.mark.parametrize("page", PAGES, ids=str)


@pytest.fixture
def queue_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a queue in the current directory, which is otherwise empty."""
    monkeypatch.chdir(tmp_path)
    url = "sqlite:///queue.sqlite"
    engine = store.open_engine(url)
    store.upgrade(engine)
    engine.dispose()
    return url


def test_links_lead_somewhere(page: Path):
    """Each relative link leads to a file of the repository, and to a heading that is there."""
    for link in find_links(REPOSITORY / page):
        name, _, anchor = link.partition("#")
        target = (REPOSITORY / page).parent / name if name else REPOSITORY / page
        assert target.exists(), f"{page} links to {link}"
        assert not anchor or anchor in find_anchors(target), f"{page} links to {link}"


def test_a_reader_comes_upon_it(page: Path):
    """Each page of the documentation is linked from the README and from the index."""
    index = Path("docs/index.md")
    for start in (Path("README.md"), index) if page.parts[0] == "docs" and page != index else ():
        links = find_links(REPOSITORY / start)
        found = {(REPOSITORY / start.parent / link.partition("#")[0]).resolve() for link in links}
        assert REPOSITORY / page in found, f"{start} doesn't link to {page}"


def test_code_runs(page: Path, queue_here: str, monkeypatch: pytest.MonkeyPatch):
    """The page's blocks of Python run one after the other."""
    monkeypatch.setenv("COSERVER_DATABASE", queue_here)
    names: dict[str, object] = {"__name__": "page"}
    for block in code_blocks(REPOSITORY / page, "python"):
        exec(compile(block.text, block.place, "exec"), names)


def test_settings_are_right(page: Path, tmp_path: Path):
    """The page's blocks of TOML are settings files without a fault."""
    for number, block in enumerate(code_blocks(REPOSITORY / page, "toml")):
        file = tmp_path / f"{number}.toml"
        file.write_text(block.text)
        assert load_settings(file).database == tomllib.loads(block.text)["database"]
