"""Zope says at its start what keeps it from queuing jobs."""

from __future__ import annotations

import logging

from zope.component import adapter
from zope.processlifetime import IDatabaseOpenedWithRoot

from collective.coserver.database.settings import get_settings
from coserver_consumer.model.errors import ConfigurationError

logger = logging.getLogger("collective.coserver")


@adapter(IDatabaseOpenedWithRoot)
def check_settings(event: IDatabaseOpenedWithRoot) -> None:
    """Log what is missing or wrong in the settings; the queue's database isn't asked.

    Zope starts all the same: most of what it does needs no queue.
    """
    try:
        get_settings().secret_text  # noqa: B018  it is read, and raises
    except ConfigurationError as error:
        logger.warning("This Zope can neither queue nor run jobs: %s", error)
