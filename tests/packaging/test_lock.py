"""The locks: they fit the project, and say nothing of where packages come from."""

from __future__ import annotations

from importlib.metadata import requires

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from demo.bootstrap import LOCK, REPOSITORY, UV_LOCK
from demo.versions import PIN, as_versions

VERSIONS = REPOSITORY / "versions.cfg"


def test_all_requirements_are_locked():
    """Each package that setup.py asks for has a version; else run ``make lock``."""
    locked = {name for name, _ in PIN.findall(LOCK.read_text())}
    wanted = {Requirement(line).name for line in requires("collective.coserver")}
    assert {canonicalize_name(name) for name in wanted} <= locked


def test_buildouts_versions_are_those_of_the_lock():
    """versions.cfg is what ``make lock`` makes of requirements.lock."""
    assert VERSIONS.read_text() == as_versions(LOCK.read_text()) + "\n"


@pytest.mark.parametrize("file", [LOCK, UV_LOCK, VERSIONS], ids=lambda file: file.name)
def test_no_address_is_in_a_lock(file):
    """Where packages come from is the affair of each machine."""
    assert "://" not in file.read_text()


def test_a_package_with_two_pins_stays_out_of_versions():
    """Buildout couldn't know which of them this Python needs."""
    lock = "one==1.0 \\\n    --hash=x\ntwo==1.0 ; old \\\ntwo==2.0 ; new\nzc-recipe-egg==6.0\n"
    assert as_versions(lock).splitlines()[2:] == ["one = 1.0", "zc.recipe.egg = 6.0"]
