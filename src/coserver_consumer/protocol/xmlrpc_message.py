"""Calls and answers of XML-RPC (xmlrpc.com/spec.md), as bytes. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from xml.parsers.expat import ExpatError, ParserCreate
from xmlrpc.client import ResponseError, dumps, loads

from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.model.exception_text import brief, describe

# The characters that the specification allows in the name of a method, and those of view names.
METHOD_NAME = re.compile(r"[A-Za-z0-9_.:/@+-]+")


def write_call(method: str, args: Sequence[Any]) -> bytes:
    """Return the body of a request that calls a method.

    Raises ``InvalidJob`` for a name that can't be one, or an argument that XML-RPC doesn't know:
    it has text, bytes, whole numbers of 32 bits, floats, booleans, None, times without a zone,
    lists, and mappings whose keys are text.
    """
    if not isinstance(method, str) or not METHOD_NAME.fullmatch(method) or ".." in method:
        raise InvalidJob(f"{brief(method)} can't name a method of XML-RPC.")
    try:
        text = dumps(tuple(args), method, encoding="utf-8", allow_none=True).encode()
        ParserCreate().Parse(text, True)  # it doesn't look for characters that XML can't have
    except (TypeError, OverflowError, ValueError, RecursionError, ExpatError) as error:
        raise InvalidJob(f"XML-RPC can't bear an argument of {method}: {error}.") from error
    return text


def read_answer(body: bytes) -> Any:
    """Return what a method returned.

    Raises ``xmlrpc.client.Fault``; ``ValueError`` for what isn't an answer.
    """
    try:
        [value], _ = loads(body, use_builtin_types=True)
    except (ExpatError, ResponseError) as error:
        raise ValueError(describe(error)) from error
    return value
