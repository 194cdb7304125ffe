"""The tasks of this process, by their dotted names. Importing a module registers its tasks."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Protocol

from coserver_consumer.model.errors import UnknownTask
from coserver_consumer.model.retry import PLAIN, RetryPolicy


class RegisteredTask(Protocol):
    """What is known of a task by its name: how to call its function, as whom, and how often."""

    @property
    def name(self) -> str:
        """The dotted name."""

    @property
    def run_as(self) -> str | None:
        """``"system"`` or a user's id; None for the user who queues the job."""

    @property
    def retry(self) -> RetryPolicy:
        """Whether and when it is tried again."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""


_tasks: dict[str, RegisteredTask] = {}


def register(task: RegisteredTask) -> None:
    """Make a task known; one of the same name is replaced, as when a module is reloaded."""
    _tasks[task.name] = task


def find(name: str) -> RegisteredTask:
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
