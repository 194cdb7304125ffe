"""The numbers in the evidence of a question.

Any program may write rows: a number that no data manager can have written counts as missing.
"""

from __future__ import annotations

from coserver_consumer.model.indoubt import Question

ID_END = 2**63  # oids and tids are below it: both are kept in signed columns


def number(question: Question, key: str) -> int | None:
    """Return an oid or a tid of the evidence, None if there is none that could be one."""
    value = question.evidence.get(key)
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and 0 <= value < ID_END else None
