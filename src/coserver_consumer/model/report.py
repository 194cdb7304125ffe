"""What a running job may say of itself: how far it is, and lines to log. Pure."""

from __future__ import annotations

import math
from typing import Any

from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.model.exception_text import brief


def read_progress(fraction: Any, text: Any) -> tuple[float, str | None]:
    """Return how far a job is, from 0 to 1, and what is being done; raise ``InvalidJob``."""
    if text is not None and not isinstance(text, str):
        raise InvalidJob(f"The text of progress is {brief(text)}, wanted text; spell it by str().")
    try:
        number = float("nan") if isinstance(fraction, str | bytes) else float(fraction)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if math.isnan(number):
        raise InvalidJob(f"progress is {brief(fraction)}, wanted a number from 0 to 1.")
    return min(1.0, max(0.0, number)), text


def read_line(line: Any) -> str:
    """Return a line that a job logs; raise ``InvalidJob``."""
    if not isinstance(line, str):
        raise InvalidJob(f"The line to log is {brief(line)}, wanted text; spell it by str().")
    return line
