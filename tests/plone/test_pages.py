"""The blocks ```` ```python plone ```` of the pages, run inside a site."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import transaction
from plone.app.testing import TEST_USER_ID, setRoles

from demo.bootstrap import REPOSITORY
from support.jobs import Jobs
from support.pages import PAGES, code_blocks

KIND = "python plone"


@pytest.mark.parametrize(
    "page", [page for page in PAGES if code_blocks(REPOSITORY / page, KIND)], ids=str
)
def test_code_runs_in_a_site(page: Path, functional: Any, jobs: Jobs):
    """The page's blocks run one after the other; ``context`` is the site, its user a manager."""
    site = functional["portal"]
    setRoles(site, TEST_USER_ID, ["Manager"])
    names = {"__name__": "page", "context": site, "request": functional["request"]}
    for block in code_blocks(REPOSITORY / page, KIND):
        exec(compile(block.text, block.place, "exec"), names)
    transaction.commit()
