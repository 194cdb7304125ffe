"""The blocks ```` ```python plone ```` of the pages, run inside a site.

Those of ```` ```python plone test ```` define tests as authors of add-ons write them; they are run
with the fixtures that they ask for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import transaction
from plone.app.testing import TEST_USER_ID, setRoles

from collective.coserver.testing.consumer import InProcessConsumer
from demo.bootstrap import REPOSITORY
from support.jobs import Jobs
from support.pages import PAGES, code_blocks

KIND = "python plone"
TEST_KIND = "python plone test"


def pages_with(kind: str) -> pytest.MarkDecorator:
    """Run a test for each page that has such blocks."""
    pages = [page for page in PAGES if code_blocks(REPOSITORY / page, kind)]
    return pytest.mark.parametrize("page", pages, ids=str)


@pages_with(KIND)
def test_code_runs_in_a_site(page: Path, functional: Any, jobs: Jobs):
    """The page's blocks run one after the other; ``context`` is the site, its user a manager."""
    site = functional["portal"]
    setRoles(site, TEST_USER_ID, ["Manager"])
    names = {"__name__": "page", "context": site, "request": functional["request"]}
    run_blocks(page, KIND, names)
    transaction.commit()


@pages_with(TEST_KIND)
def test_tests_pass(page: Path, functional: Any, coserver_jobs: InProcessConsumer):
    """The tests that the page shows."""
    names: dict[str, Any] = {"__name__": "page"}
    run_blocks(page, TEST_KIND, names)
    for name, test in names.items():
        if name.startswith("test_"):
            test(portal=functional["portal"], coserver_jobs=coserver_jobs)


def run_blocks(page: Path, kind: str, names: dict[str, Any]) -> None:
    """Run the page's blocks one after the other; they share their names."""
    for block in code_blocks(REPOSITORY / page, kind):
        exec(compile(block.text, block.place, "exec"), names)
