"""Error texts of the databases without the values of rows: those are arguments and signatures.

PostgreSQL shows the whole row in an error's detail, MariaDB the value that it refuses.
"""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext

from coserver_consumer.store.database.error_codes import NAMES_ONLY_MYSQL
from coserver_consumer.store.database.faults import Fault, classify, find_code

NOT_SHOWN = "..."
DATA_EXCEPTION = "22"  # the class of PostgreSQL's errors that quote what they refuse
WHERE = re.compile(r" for (?:key|column) [`']?[\w.`'-]+?[`']?(?: at row \d+)?$")


def keep_values_out(engine: Engine) -> None:
    """Have the errors that the engine raises say nothing of the values of rows."""
    event.listen(engine, "handle_error", _redact)


def describe(error: BaseException) -> str:
    """Return the database's words in one line, without the statement and its values."""
    original = getattr(error, "orig", None)
    words = _find_words(error) if original is None else (original,)  # which has been redacted
    return " ".join(str(words[0] if len(words) == 1 else words).split())


def _redact(context: ExceptionContext) -> None:
    original, text = context.original_exception, str(context.original_exception)
    original.args = _find_words(original)
    raised = context.sqlalchemy_exception
    if raised is not None and str(original) != text:
        raised.args = tuple(_replace(part, text, str(original)) for part in raised.args)


def _replace(part: Any, old: str, new: str) -> Any:
    return part.replace(old, new) if isinstance(part, str) else part


def _find_words(original: BaseException) -> tuple[Any, ...]:
    """Return what a driver's error may have as its arguments."""
    diagnosis = getattr(original, "diag", None)
    if diagnosis is not None and diagnosis.message_primary:
        return (_say_postgresql(str(find_code(original)), diagnosis.message_primary),)
    match original.args:
        case (int(code), str(text), *rest) if classify(original) is not Fault.OUTAGE:
            return (code, _say_mysql(code, text), *rest)
    return original.args


def _say_postgresql(code: str, primary: str) -> str:
    if not code.startswith(DATA_EXCEPTION):
        return primary
    return re.sub('".*"', NOT_SHOWN, primary, flags=re.DOTALL)


def _say_mysql(code: int, text: str) -> str:
    """Leave out what stands in quotes, but for the name of a key or column at the end."""
    before, quote, after = text.partition("'")
    if code in NAMES_ONLY_MYSQL or not quote:
        return text
    where = WHERE.search(after)
    return before + NOT_SHOWN + (where[0] if where else "")
