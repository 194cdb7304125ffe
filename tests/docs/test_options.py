"""The pages that list the options of a job list all of them, with their defaults and limits."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest

from coserver_consumer.model.options import MAX_TIMEOUT_S, NAMES, JobOptions
from coserver_consumer.model.value_types import DAY_S
from demo.bootstrap import REPOSITORY

ROW = re.compile(r"^\| (`[^|]+`) \|([^|]*)\|([^|]*)\|$", re.MULTILINE)
PAGES = {
    "reference/plone-api.md": "## Queue a job",
    "how-to/use-it-from-another-program.md": "## Queue a job",
}


def find_rows(page: str, heading: str) -> dict[str, tuple[str, str]]:
    """Return the rows of a page's section: default and meaning by the name of the option."""
    text = (REPOSITORY / "docs" / page).read_text().partition(f"{heading}\n")[2]
    section = re.split(r"^## ", text, flags=re.MULTILINE)[0]
    return {
        name: (default.strip(), meaning)
        for names, default, meaning in ROW.findall(section)
        for name in re.findall(r"`(\w+)`", names)
    }


@pytest.mark.parametrize("page", PAGES)
def test_a_page_lists_every_option_with_its_default(page: str):
    """Nobody has to look for one in another place."""
    rows = find_rows(page, PAGES[page])
    assert set(NAMES) - rows.keys() == set()
    for each in fields(JobOptions):
        match each.default:
            case str(text):
                assert rows[each.name][0] == f'`"{text}"`'
            case int(number) if not isinstance(number, bool):
                assert rows[each.name][0] == str(number)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_says_how_long_an_attempt_may_take(page: str):
    """More is refused."""
    assert f"{MAX_TIMEOUT_S / DAY_S:.0f} days at most" in find_rows(page, PAGES[page])["timeout"][1]


def test_the_page_about_functions_names_every_option():
    """Those of a request have another page."""
    rows = find_rows("reference/functions.md", "## `task`")
    assert set(NAMES) - rows.keys() == set()
