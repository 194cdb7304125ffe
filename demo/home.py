"""The directory that keeps a demonstration's data between two starts."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Busy(RuntimeError):
    """Another demonstration uses the directory."""


class Home:
    """Secret, marks and lock; the data of the programs are in folders beside them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.directory.mkdir(parents=True, exist_ok=True)

    @property
    def secret_file(self) -> Path:
        """A file with the secret that Zope and consumers share; only its owner can read it."""
        file = self.directory / "secret"
        if not file.exists():
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as opened:
                opened.write(secrets.token_urlsafe(48))
        return file

    @property
    def database(self) -> str:
        """The URL of the queue's SQLite file."""
        return f"sqlite:///{self.directory / 'queue.sqlite'}"

    def has_site(self, profiles: list[str]) -> bool:
        """True if the site was made, with exactly these profiles."""
        mark = self.directory / "site"
        return mark.exists() and mark.read_text().split() == profiles

    def keep_site(self, profiles: list[str]) -> None:
        """Note that the site was made with these profiles."""
        (self.directory / "site").write_text("\n".join(profiles))

    def reset(self) -> None:
        """Remove all that is kept, but for the lock."""
        for entry in self.directory.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            elif entry.name != "lock":
                entry.unlink()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the directory; raise ``Busy`` if another program does."""
        with (self.directory / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Busy(f"A demonstration runs already in {self.directory}.") from None
            yield
