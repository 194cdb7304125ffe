"""How to queue the call of code that was given where a path or an object is wanted."""

from __future__ import annotations

from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

from collective.coserver.functions.fault import find_fault
from collective.coserver.functions.task import Task

CODE = (FunctionType, MethodType, BuiltinFunctionType, staticmethod, classmethod, partial)


def advise(target: Any) -> str | None:
    """Return how to queue a call of this, None if it is no code."""
    kind = type(target)  # an object of the site may answer anything
    if issubclass(kind, Task):
        name = target.function.__name__
        return f"{target.name} is a task: queue a call of it by {name}.delay(...)."
    if not issubclass(kind, CODE):
        return None
    return find_fault(target) or (
        f"{target.__name__} is a function, and a path or an object was wanted. Put "
        f"@task before its def, and queue a call of it by {target.__name__}.delay(...)."
    )
