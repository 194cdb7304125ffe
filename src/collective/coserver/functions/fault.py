"""Why something can't be a task, and what to write instead."""

from __future__ import annotations

import inspect
from types import FunctionType, MethodType
from typing import Any

from coserver_consumer.model.exception_text import brief

METHODS = (staticmethod, classmethod)


def find_fault(function: Any) -> str | None:
    """Return why it can't be a task, and what to write instead; None for one that can be.

    A job finds a function again by the name of its module and its own, in another process.
    """
    called = function.__func__ if issubclass(type(function), METHODS) else function
    name = getattr(called, "__qualname__", brief(function))
    if not issubclass(type(called), FunctionType | MethodType):
        return f"{name} can't be a task: wanted a function at the top of its module."
    if "<lambda>" in name:
        return (
            "A lambda can't be a task: no job would find it again by its name. Write it as a "
            "function at the top of its module, with @task before its def."
        )
    if "<locals>" in name:
        return (
            f"{name} can't be a task: it is defined within a function, where no job would find it "
            "again. Define it at the top of its module, and pass as arguments what it takes from "
            "around it."
        )
    if called is not function or isinstance(function, MethodType) or "." in name:
        return _explain_method(name)
    return _explain_function(function)


def _explain_method(name: str) -> str:
    short = name.rpartition(".")[2]
    return (
        f"{name} can't be a task: it is a method, and a job can't hold what it belongs to. Write a "
        f"function at the top of the module, @task def {short}(context, ...), which calls it, and "
        f"queue that by {short}.delay(context, ...)."
    )


def _explain_function(function: Any) -> str | None:
    name, module = function.__qualname__, str(function.__module__)
    if inspect.iscoroutinefunction(function):
        return f"{name} is async; a task runs in a thread and must be a plain function."
    if module in ("__main__", "None") or not all(step.isidentifier() for step in module.split(".")):
        return (
            f"{name} can't be a task: it is defined in a script ({module}), which the Zope that "
            "runs the job can't import. Define it in a module of a package that is installed "
            "there, and import it in the script."
        )
    return None
