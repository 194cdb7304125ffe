"""The message about a setting that is wrong, unknown or missing: one line, without secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from coserver_consumer.settings.settings import FILE, PREFIX, Settings

WANTED = {
    "int_parsing": "a whole number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number",
    "finite_number": "a number that isn't infinite",
    "too_short": "at least one name",
    "path_type": "the name of a file",
    "string_type": "text",
    "tuple_type": "a list of texts",
}
SECRETS = ("secret", "database")


def explain(
    error: ValidationError, sources: Mapping[str, Mapping[str, Any]], first_form: str
) -> str:
    """Return the first fault that pydantic has found, as one line that never holds a secret.

    ``sources`` have the values that were given. ``first_form`` is how a setting is given in the
    first of them.
    """
    fault = _find_first(error)
    if not fault["loc"]:
        return f"The settings don't fit together: {fault['ctx']['error']}."
    key = str(fault["loc"][0])
    if fault["type"] == "missing":
        return (
            f"Setting '{key}' is missing: give it {first_form.format(key.replace('_', '-'))}, "
            f"as {PREFIX}{key.upper()} or in {FILE}."
        )
    source = next(name for name, values in sources.items() if key in values)
    if fault["type"] == "extra_forbidden":
        known = ", ".join(sorted(setting.name for setting in fields(Settings)))
        return f"Unknown setting '{key}' in {source}; known are: {known}."
    got = _show(key, sources[source][key])
    return f"Setting '{key}' in {source} is wrong: got {got}, wanted {_find_wanted(fault)}."


def _find_first(error: ValidationError) -> ErrorDetails:
    """Return the fault to begin with.

    An unknown setting goes first: it may be a missing one, misspelt. A missing one goes last: what
    is wrong may be the other way to give it.
    """
    order = {"extra_forbidden": 0, "missing": 2}
    return min(error.errors(include_url=False), key=lambda fault: order.get(fault["type"], 1))


def _find_wanted(fault: ErrorDetails) -> str:
    text = fault["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return WANTED.get(fault["type"], text)


def _show(key: str, value: Any) -> str:
    """Return a wrong value, unless it holds a password or is one."""
    if key in SECRETS or "@" in str(value):
        return "something that isn't shown"
    return repr(value)
