"""The folders of both packages: what may import what, beside import-linter's layers."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter

import grimp
import pytest

PACKAGES = ("coserver_consumer", "collective.coserver")
PUBLIC = (
    "from coserver_consumer import Client",
    "from coserver_consumer.errors import CoserverError",
    "from coserver_consumer.retry import Backoff, RetryPolicy",
    "from collective.coserver import queue",
    "from collective.coserver import task",
    "from collective.coserver import current_job",
    "from collective.coserver.interfaces import IJobFailed, IJobRequest",
    "from collective.coserver.testing import COSERVER_FUNCTIONAL_TESTING",
)


def find_folders(graph: grimp.ImportGraph) -> dict[str, set[str]]:
    """Return each folder with those that it imports; a module beside folders stands for itself."""
    packages = {module.rpartition(".")[0] for module in graph.modules}

    def folder(module: str) -> str:
        above = module.rpartition(".")[0]
        return module if module in packages or above in PACKAGES else above

    found = defaultdict(set)
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            found[folder(module)].add(folder(imported))
    return {name: imported - {name} for name, imported in found.items()}


def test_no_folders_import_each_other():
    """A folder is understood with what it imports; in a loop nothing is understood alone."""
    folders = find_folders(grimp.build_graph(*PACKAGES, cache_dir=None))
    try:
        TopologicalSorter(folders).prepare()
    except CycleError as error:
        pytest.fail(f"Folders import each other in a loop: {' <- '.join(error.args[1])}")


@pytest.mark.parametrize("statement", PUBLIC)
def test_what_is_public_can_be_imported_first(statement):
    """These names are promised; each works in a process that has imported nothing else of ours."""
    done = subprocess.run(
        [sys.executable, "-c", statement], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
