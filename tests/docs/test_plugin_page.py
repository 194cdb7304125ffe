"""The page about task plugins: its package is installed, and a consumer runs its tasks."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from coserver_consumer import Client, store
from demo.bootstrap import REPOSITORY, directory, find_uv
from demo.processes import Process
from demo.ready import log_says
from support.mail import serve_mail
from support.tutorial import write_package

PAGE = REPOSITORY / "docs" / "how-to" / "write-a-task-plugin.md"
COSERVER = Path(sys.executable).with_name("coserver")


class Shop:
    """The page's package, installed into a folder of its own, and a queue."""

    def __init__(self, place: Path) -> None:
        self.source, self.installed = place / "shop-tasks", place / "installed"
        self.files, self.log = place / "files", place / "consumer.log"
        self.files.mkdir()
        self.url = f"sqlite:///{place / 'queue.sqlite'}"
        write_package(self.source, PAGE)
        command = [find_uv(directory()), "pip", "install", "--quiet", "--target", self.installed]
        flags = ["--no-deps", "--no-build-isolation", "--python", sys.executable]
        subprocess.run([*command, *flags, self.source], check=True)
        engine = store.open_engine(self.url)
        store.upgrade(engine)
        engine.dispose()

    def environment(self, **more: str) -> dict[str, str]:
        """Return what a consumer with the package needs."""
        path = os.pathsep.join([str(self.installed), *sys.path])
        return {**os.environ, "PYTHONPATH": path, "COSERVER_DATABASE": self.url, **more}

    def coserver(self, *arguments: str, **more: str) -> str:
        """Run a command and return what it wrote."""
        environment = self.environment(**more)
        done = subprocess.run(
            [COSERVER, *arguments], env=environment, stdout=subprocess.PIPE, text=True, check=True
        )
        return done.stdout.strip()

    @contextmanager
    def consumer(self, **more: str) -> Iterator[None]:
        """Run a consumer."""
        process = Process(
            "consumer",
            [COSERVER, "run", "--processes", "0"],
            log=self.log,
            ready=log_says("is ready"),
            environment=self.environment(SHOP_FILES=str(self.files), **more),
        )
        process.start()
        try:
            yield
        finally:
            process.stop()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The page's package, installed."""
    return Shop(tmp_path_factory.mktemp("shop"))


def test_the_plugins_are_known(shop: Shop):
    """And one that misses its setting is off, with the page's words."""
    listed = json.loads(shop.coserver("tasks", "--json"))
    assert "mail.send" in listed["on"]
    assert listed["off"]["files.checksum"].startswith("SHOP_FILES is missing")


def test_a_consumer_runs_the_tasks(shop: Shop):
    """Those of the page's commands, and a job that is none of its business."""
    (shop.files / "catalogue.pdf").write_bytes(b"a" * 3_000_000)
    with serve_mail() as server:
        settings = {
            "SHOP_SMTP": f"127.0.0.1:{server.mailbox.port}",
            "SHOP_MAIL_FROM": "shop@example.com",
        }
        with shop.consumer(**settings), Client(shop.url) as client:
            sent = shop.coserver("add", "mail.send", "to=a@example.com", "subject=Hello")
            summed = shop.coserver("add", "files.checksum", "path=catalogue.pdf")
            outside = shop.coserver("add", "files.checksum", "path=../queue.sqlite")
            assert client.result(sent, timeout=120) == {"to": "a@example.com"}
            assert client.result(summed, timeout=120) == sha256(b"a" * 3_000_000).hexdigest()
            assert "isn't in the folder" in client.wait(outside, timeout=120).error
        [mail] = [each.message for each in server.mailbox.mails]
    assert (mail["Subject"], sent in mail["Message-ID"]) == ("Hello", True)


def test_the_pages_own_test_passes(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    """As its reader would run it."""
    monkeypatch.syspath_prepend(shop.installed)
    monkeypatch.setenv("SHOP_FILES", "")  # is put back afterwards
    [file] = (shop.source / "tests").glob("test_*.py")
    tests: dict[str, Callable[[], None]] = {
        name: found for name, found in runpy.run_path(str(file)).items() if name.startswith("test_")
    }
    assert tests
    for test in tests.values():
        test()
