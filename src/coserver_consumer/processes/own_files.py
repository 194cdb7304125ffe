"""The files that a worker process has open for itself, which no job may close.

Code that makes itself a daemon closes all files, ``os.closerange(3, 4096)``. The files that are
opened next get their numbers, and whoever knew the old files by these numbers goes on writing: into
a database. So a process whose files are gone ends at once, and another takes its jobs back.
"""

from __future__ import annotations

import os
from typing import NoReturn

from coserver_consumer.processes.exit_codes import FAILED
from coserver_consumer.runtime.logs import consumer_logs

Identity = tuple[int, int]  # a file's device and inode


class OwnFiles:
    """These open files, and one more, which is opened only to notice if it is closed."""

    def __init__(self, *descriptors: int) -> None:
        sentinel, _ = os.pipe()
        self._known = {each: _identify(each) for each in (*descriptors, sentinel)}

    def require(self) -> None:
        """End this process unless all of them are still the files that were opened."""
        if any(_identify(descriptor) != file for descriptor, file in self._known.items()):
            _end()


def _identify(descriptor: int) -> Identity | None:
    """Return what identifies an open file; None if it is closed."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _end() -> NoReturn:
    consumer_logs.files_closed()
    os._exit(FAILED)
