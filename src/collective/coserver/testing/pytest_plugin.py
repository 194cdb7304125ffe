"""The fixture for tests of add-ons that queue jobs. It imports Zope when it is used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collective.coserver.testing.consumer import InProcessConsumer


@pytest.fixture
def coserver_jobs(tmp_path: Path) -> Iterator[InProcessConsumer]:
    """An empty queue of the test's own, with a consumer that runs what is in it when told to.

    It needs a functional layer that has the add-on: jobs exist when they are committed.
    """
    from collective.coserver.testing.consumer import open_queue

    with open_queue(tmp_path) as consumer:
        yield consumer
