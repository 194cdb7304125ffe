"""One task: checked, and called in one way, whatever its plugin looks like."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from coserver_consumer.model.current_job import CurrentJob
from coserver_consumer.model.errors import InvalidJob, InvalidTask
from coserver_consumer.model.retry import PLAIN, RetryPolicy
from coserver_consumer.tasks.context import TaskContext


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task that is ready to run.

    ``is_signed``: it runs only jobs that a holder of the secret has signed.
    ``runs_in_zope``: its jobs wait while no Zope can run them. ``retry``: when it is tried again.
    """

    name: str
    run: Callable[[CurrentJob], Any]
    is_signed: bool = False
    runs_in_zope: bool = False
    retry: RetryPolicy = PLAIN


def make_task(name: str, plugin: object, context: TaskContext) -> Task:
    """Return the task that a plugin offers; raise ``InvalidTask`` saying what is wrong with it."""
    if inspect.isclass(plugin):
        return _from_class(name, plugin, context)
    if callable(plugin):
        return _from_function(name, plugin)
    raise InvalidTask(f"Task '{name}' is {plugin!r}, wanted a function or a class with run(job).")


def _from_function(name: str, function: Callable[..., Any]) -> Task:
    _check_runnable(f"Task '{name}'", function)
    signature = inspect.signature(function)

    def run(job: CurrentJob) -> Any:
        try:
            return function(job, **job.args)
        except TypeError as error:
            if error.__traceback__ is not None and error.__traceback__.tb_next is None:
                _check_arguments(name, signature, job)  # it wasn't the function that raised it
            raise

    return Task(name=name, run=run, retry=_find_policy(name, function))


def _from_class(name: str, plugin: type, context: TaskContext) -> Task:
    method = getattr(plugin, "run", None)
    if not callable(method):
        raise InvalidTask(f"Task '{name}': class {plugin.__qualname__} has no method run(job).")
    if not _takes(plugin, context):
        raise InvalidTask(
            f"Task '{name}': class {plugin.__qualname__} must be made with one argument, "
            "the TaskContext."
        )
    made = plugin(context)
    _check_runnable(f"Task '{name}': {plugin.__qualname__}.run", made.run)
    return Task(
        name=name,
        run=made.run,
        is_signed=bool(getattr(made, "is_signed", False)),
        runs_in_zope=bool(getattr(made, "runs_in_zope", False)),
        retry=_find_policy(name, made),
    )


def _find_policy(name: str, plugin: object) -> RetryPolicy:
    """Return what the plugin's attribute ``retry`` says."""
    found = getattr(plugin, "retry", PLAIN)
    if not isinstance(found, RetryPolicy):
        raise InvalidTask(f"Task '{name}': its attribute retry is {found!r}, wanted a RetryPolicy.")
    return found


def _check_runnable(what: str, function: Callable[..., Any]) -> None:
    if inspect.iscoroutinefunction(function):
        raise InvalidTask(f"{what} is async; a task runs in a thread and must be a plain function.")
    parameters = inspect.signature(function).parameters.values()
    if not any(
        p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.VAR_POSITIONAL) for p in parameters
    ):
        raise InvalidTask(f"{what} takes no job: its first argument must be the job.")


def _takes(function: Callable[..., Any], *arguments: object) -> bool:
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError:
        return False
    return True


def _check_arguments(name: str, signature: inspect.Signature, job: CurrentJob) -> None:
    """Raise ``InvalidJob`` if the job's arguments don't fit the function."""
    try:
        signature.bind(job, **job.args)
    except TypeError as error:
        raise InvalidJob(f"Task '{name}' can't be called with its arguments: {error}.") from None
