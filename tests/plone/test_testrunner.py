"""The layers, used as the page shows it, by zope.testrunner in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from demo.bootstrap import REPOSITORY

PAGE = REPOSITORY / "docs/how-to/test-your-add-on.md"
FILE = re.compile(
    r"^`(?P<name>test_\w+\.py)`:\n\n```python\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


def test_the_example_passes(tmp_path: Path) -> None:
    """Each test with a queue of its own."""
    shown = FILE.search(PAGE.read_text())
    (tmp_path / shown["name"]).write_text(shown["text"])
    asked = ["-m", "zope.testrunner", "--test-path", str(tmp_path), "-vv"]
    environment = {key: value for key, value in os.environ.items() if "COSERVER" not in key}
    done = subprocess.run(
        [sys.executable, *asked, "--tests-pattern", "^test_renaming$"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=environment,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Ran 3 tests with 0 failures" in done.stdout
