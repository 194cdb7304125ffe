"""How to queue the call of code that was given where a path or an object is wanted."""

from __future__ import annotations

from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

from collective.coserver.functions.fault import find_fault
from collective.coserver.functions.task import Task
from collective.coserver.producer.path import knows_path
from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.model.exception_text import brief

CODE = (FunctionType, MethodType, BuiltinFunctionType, staticmethod, classmethod, partial)


def refuse_code(target: Any) -> None:
    """Raise ``InvalidJob`` for code, which says how to queue a call of it."""
    if said := advise(target):
        raise InvalidJob(said)


def advise(target: Any) -> str | None:
    """Return how to queue a call of this, None if it is no code."""
    kind = type(target)  # an object of the site may answer anything
    if issubclass(kind, Task):
        name = target.function.__name__
        return f"{target.name} is a task: queue a call of it by {name}.delay(...)."
    if not issubclass(kind, CODE):
        return None
    if issubclass(kind, MethodType):
        name = getattr(target, "__name__", brief(target))
        return _advise_on_method(name, target.__self__) or find_fault(target)
    return find_fault(target) or (
        f"{target.__name__} is a function, and a path or an object was wanted. Put "
        f"@task before its def, and queue a call of it by {target.__name__}.delay(...)."
    )


def _advise_on_method(name: str, owner: Any) -> str | None:
    """Return what to do instead of passing a method of a task, or of an object of the site."""
    if issubclass(type(owner), Task):
        task = owner.function.__name__
        return (
            f"{task}.{name} is a method of a task, and a path or an object was wanted. To queue a "
            f"call of {owner.name}, write {task}.delay(...) and no queue.add."
        )
    if not knows_path(owner):
        return None
    return (
        f"{name} is a method of an object, and a path or an object was wanted. Pass the object "
        f"itself, with view= for a view of it. To have a job call {name}, write a function with "
        f"@task that does so, and queue that by .delay(context)."
    )
