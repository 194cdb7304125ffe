"""The tasks that a consumer knows, from entry points; checked when it starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from coserver_consumer.model import exception_text
from coserver_consumer.model.errors import ConfigurationError, InvalidTask, UnknownTask
from coserver_consumer.model.exception_text import brief_text
from coserver_consumer.model.retry import PLAIN, RetryPolicy
from coserver_consumer.tasks.context import TaskContext
from coserver_consumer.tasks.task import Task, make_task

GROUP = "coserver.tasks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """The tasks by name; ``left_out`` are those for which a setting is missing, and why."""

    tasks: Mapping[str, Task]
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the tasks, sorted."""
        return tuple(sorted(self.tasks))

    @property
    def in_zope(self) -> tuple[str, ...]:
        """The names of the tasks whose jobs Zope runs, sorted."""
        return tuple(sorted(name for name, task in self.tasks.items() if task.runs_in_zope))

    def get(self, name: str) -> Task:
        """Return the task of that name; raise ``UnknownTask``."""
        try:
            return self.tasks[name]
        except KeyError:
            known = ", ".join(self.names) or "none"
            raise UnknownTask(
                f"No task is called '{brief_text(name)}'; this consumer knows: {known}."
            ) from None

    def policy(self, name: str) -> RetryPolicy:
        """Return how the task of that name is retried; the default for a name that isn't known."""
        task = self.tasks.get(name)
        return PLAIN if task is None else task.retry


def load_registry(context: TaskContext, found: Iterable[EntryPoint] | None = None) -> Registry:
    """Load every plugin; raise ``InvalidTask`` for the first that doesn't keep the contract.

    ``found`` are the entry points of all installed distributions unless given. A task whose
    setting is missing (it raises ``ConfigurationError`` when it is made) is left out: its jobs wait
    for a consumer that has the setting.
    """
    plugins = list(entry_points(group=GROUP) if found is None else found)
    _check_names(plugins)
    tasks: dict[str, Task] = {}
    left_out: dict[str, str] = {}
    for point in plugins:
        try:
            tasks[point.name] = _load(point, context)
        except ConfigurationError as error:
            left_out[point.name] = str(error)
    return Registry(tasks=tasks, left_out=left_out)


def installed_names() -> frozenset[str]:
    """Return the names of all tasks that are installed here, without loading any."""
    return frozenset(entry_points(group=GROUP).names)


def is_signed(name: str) -> bool:
    """Return True if an installed task of that name runs only jobs with the secret's signature."""
    plugins = [_import(point) for point in entry_points(group=GROUP, name=name)]
    return any(getattr(plugin, "is_signed", False) for plugin in plugins)


def _import(point: EntryPoint) -> Any:
    try:
        return point.load()
    except (Exception, SystemExit) as error:
        raise _cannot_load(point, error) from error


def _load(point: EntryPoint, context: TaskContext) -> Task:
    try:
        return make_task(point.name, point.load(), context)
    except ConfigurationError:
        raise
    except InvalidTask as error:
        raise InvalidTask(f"{error} ({_describe(point)})") from None
    except (Exception, SystemExit) as error:
        raise _cannot_load(point, error) from error


def _cannot_load(point: EntryPoint, error: BaseException) -> InvalidTask:
    said = exception_text.describe(error)
    return InvalidTask(f"Task '{point.name}' can't be loaded: {said} ({_describe(point)})")


def _check_names(points: list[EntryPoint]) -> None:
    seen: dict[str, EntryPoint] = {}
    for point in points:
        first = seen.setdefault(point.name, point)
        if first.value != point.value:
            raise InvalidTask(
                f"Two plugins call their task '{point.name}': {_describe(first)} and "
                f"{_describe(point)}; uninstall one of them."
            )


def _describe(point: EntryPoint) -> str:
    """Return what names a plugin to somebody who has to uninstall or mend it."""
    distribution = f" of {point.dist.name} {point.dist.version}" if point.dist else ""
    return f"plugin {point.value}{distribution}"
