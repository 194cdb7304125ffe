"""The tasks of this process, by their dotted names. Importing a module registers its tasks."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from coserver_consumer.model.errors import UnknownTask
from coserver_consumer.model.retry import PLAIN, RetryPolicy

if TYPE_CHECKING:
    from collective.coserver.functions.task import Task

_tasks: dict[str, Task] = {}


def register(task: Task) -> None:
    """Make a task known; one of the same name is replaced, as when a module is reloaded."""
    _tasks[task.name] = task


def find(name: str) -> Task:
    """Return the task of that name; raise ``UnknownTask``.

    Its module is imported if need be. What was imported must have registered the task: no other
    function can be called by its name.
    """
    if name not in _tasks:
        _import_module_of(name)
    try:
        return _tasks[name]
    except KeyError:
        raise UnknownTask(
            f"No function '{name}' is a task here. Its module must define it with @task, at the "
            "top level and under this name."
        ) from None


def find_policy(name: str) -> RetryPolicy:
    """Return how the task of that name is retried, one that isn't known as any."""
    task = _tasks.get(name)
    return PLAIN if task is None else task.retry


def names() -> list[str]:
    """Return the names of the tasks whose modules have been imported, sorted."""
    return sorted(_tasks)


def _import_module_of(name: str) -> None:
    module = name.rpartition(".")[0]
    try:
        import_module(module)
    except (ImportError, ValueError) as error:
        raise UnknownTask(f"The module of function '{name}' can't be imported: {error}.") from error
