"""The suite itself."""

from __future__ import annotations

import tomllib

from demo.bootstrap import REPOSITORY


def test_every_folder_of_tests_is_run():
    """A folder with tests that pyproject.toml doesn't name would be left out in silence."""
    configuration = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    named = set(configuration["tool"]["pytest"]["ini_options"]["testpaths"])
    tests = (REPOSITORY / "tests").rglob("test_*.py")
    there = {"/".join(file.relative_to(REPOSITORY).parts[:2]) for file in tests}
    assert there <= named
