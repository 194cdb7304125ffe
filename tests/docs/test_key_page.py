"""The page about keys is true: its commands make a key, with which its program queues jobs."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from coserver_consumer import store
from coserver_consumer.cli import main
from coserver_consumer.protocol.key import find_key_id
from coserver_consumer.store import manage
from demo.bootstrap import REPOSITORY
from support.pages import code_blocks

PAGE = REPOSITORY / "docs/how-to/give-a-program-a-key.md"
URL = "sqlite:///queue.sqlite"
ENVIRONMENT = {"COSERVER_DATABASE": URL, "COSERVER_SECRET": "0123456789abcdef0123456789abcdef"}


def run(line: str) -> str:
    """Run a command as the page writes it; return its output."""
    name, *arguments = shlex.split(line)
    done = CliRunner().invoke(main, arguments, prog_name=name, env=ENVIRONMENT)
    assert done.exit_code == 0, done.output
    return done.output


def test_the_page_makes_a_key_uses_and_revokes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """In the order of the page; the job bears the key's signature."""
    monkeypatch.chdir(tmp_path)
    run("coserver init")
    make, look_after = (block.text.splitlines() for block in code_blocks(PAGE, "sh"))
    assert "It is in shop.key." in "".join(map(run, make))
    names: dict[str, object] = {"__name__": "page"}
    for block in code_blocks(PAGE, "python key"):
        exec(compile(block.text, block.place, "exec"), names)
    engine = store.open_engine(URL)
    (job,) = store.read(engine, manage.find)
    (key,) = store.read(engine, manage.keys)
    engine.dispose()
    assert find_key_id(job) == key.grant.id
    assert "Key shop is revoked" in "".join(map(run, look_after))
