"""What is logged about the history: what is removed, and where it has room."""

from __future__ import annotations

from collections.abc import Iterable

from coserver_consumer.runtime.logs.log import log

CANNOT_MAKE_PARTITIONS = (
    "This user of the database may not add partitions to coserver_history: what no partition takes "
    "is removed row by row. `coserver init` as the tables' owner, once a week, makes them"
)


def pruned(number: int) -> None:
    """Old history was removed."""
    log.info("%s old jobs were removed from the history", number)


def partitions_made(names: Iterable[str]) -> None:
    """The jobs of the next days have their places in the history."""
    log.debug("The history has new partitions: %s", ", ".join(names))


def partition_dropped(name: str) -> None:
    """A day of history was removed as a whole."""
    log.info("Old history was removed with its partition %s", name)


def cannot_make_partitions() -> None:
    """The database's user lacks rights; logged once."""
    log.warning("%s", CANNOT_MAKE_PARTITIONS)
