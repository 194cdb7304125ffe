"""Zope says at its start what is wrong with its Python."""

from __future__ import annotations

import logging
from typing import Any

from coserver_consumer.settings import python_fault

logger = logging.getLogger(__name__)


def warn_of_python(event: Any) -> None:
    """Say what is wrong with the Python that this Zope runs in, if something is."""
    if fault := python_fault.find_fault():
        logger.warning("%s. %s.", fault, python_fault.ADVICE)
