"""The licence, the same wherever it is named."""

from __future__ import annotations

import re

import pytest

from demo.bootstrap import PROJECTS, REPOSITORY


@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project.name)
def test_a_distribution_may_be_used_under_any_later_version(project):
    """Version 2 alone could not be given away together with psycopg, which is under LGPL 3."""
    named = re.findall(r'license="([^"]*)"', (project / "setup.py").read_text())
    assert named == ["GPL-2.0-or-later"]


@pytest.mark.parametrize("name", ["LICENSE", "README.md"])
def test_the_notice_says_so(name):
    """It is read by people, who don't look into setup.py."""
    text = " ".join((REPOSITORY / name).read_text().partition("GNU GENERAL")[0].split())
    assert "any later version" in text
