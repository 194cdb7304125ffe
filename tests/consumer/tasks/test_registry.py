"""Tasks as plugins: what is taken, and what is said about the others."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from coserver_consumer.errors import InvalidJob, InvalidTask, UnknownTask
from coserver_consumer.model.current_job import CurrentJob
from coserver_consumer.retry import RetryPolicy
from coserver_consumer.settings.settings import Settings
from coserver_consumer.tasks.context import TaskContext
from coserver_consumer.tasks.registry import load_registry
from coserver_consumer.tasks.task import make_task

CONTEXT = TaskContext(settings=Settings(database="sqlite:///x"))


def point(name: str, value: str) -> EntryPoint:
    """Return the entry point of a plugin."""
    return EntryPoint(name, value, "coserver.tasks")


def fault(plugin: object) -> str:
    """Return what is said about a plugin."""
    with pytest.raises(InvalidTask) as error:
        make_task("soap", plugin, CONTEXT)
    return str(error.value)


@pytest.fixture
def current(make_job):
    """Make the current job that a task is called with."""

    def make(**args) -> CurrentJob:
        return CurrentJob(
            job=make_job(args=args), report=lambda *_: None, is_cancelled=lambda: False
        )

    return make


def test_the_installed_plugins_are_loaded():
    """The distribution's own entry points, on with a secret and an allow-list."""
    settings = Settings(database="sqlite:///x", secret="s" * 32, http_allow=("a",))
    context = TaskContext(settings=settings)
    registry = load_registry(context)
    assert {"call", "http", "view"} <= set(registry.names)
    assert not registry.left_out
    assert registry.get("view").is_signed
    assert registry.get("call").is_signed


def test_a_task_that_misses_a_setting_is_left_out():
    """Its jobs wait for a consumer that has the secret, and fail on none that hasn't."""
    registry = load_registry(CONTEXT)
    assert "view" not in registry.names
    assert "'secret' is missing" in registry.left_out["view"]
    assert "'http_allow' is missing" in registry.left_out["http"]


def test_an_unknown_task_is_named_with_those_that_are_known():
    """A message says what to choose from."""
    registry = load_registry(CONTEXT, [point("loads", "json:loads")])
    with pytest.raises(UnknownTask, match="No task is called 'soap'; this consumer knows: loads"):
        registry.get("soap")


def test_a_function_is_called_with_the_job_and_its_arguments(current):
    """The simplest plugin."""
    task = make_task("sum", lambda job, a, b=1: (job.id, a + b), CONTEXT)
    assert task.run(current(a=2)) == ("01980cf2-53a1-7000-8000-0123456789ab", 3)


def test_a_class_is_made_once_with_the_context_and_called_with_the_job(current):
    """A plugin that keeps something between jobs."""

    class Counter:
        def __init__(self, context):
            self.context = context
            self.count = 0

        def run(self, job):
            self.count += 1
            return self.count, self.context is CONTEXT, job.args

    task = make_task("count", Counter, CONTEXT)
    task.run(current())
    assert task.run(current(a=1)) == (2, True, {"a": 1})


@pytest.mark.parametrize("args", [{}, {"a": 1, "z": 2}, {"job": 1, "a": 1}])
def test_arguments_that_do_not_fit_are_the_jobs_fault(current, args):
    """It would fail the same way each time, so it must be told from a TypeError inside."""
    task = make_task("sum", lambda job, a: a, CONTEXT)
    with pytest.raises(InvalidJob, match="Task 'sum' can't be called"):
        task.run(current(**args))


def test_what_is_no_task_is_named():
    """Neither function nor class."""
    assert "Task 'soap' is 3" in fault(3)


def test_a_class_without_run_is_named():
    """It was perhaps meant as something else."""
    assert "class Soap has no method run(job)" in fault(type("Soap", (), {}))


def test_a_class_that_takes_no_context_is_named():
    """It is made with one argument."""
    assert "must be made with one argument" in fault(
        type("Soap", (), {"run": lambda self, job: None})
    )


def test_an_async_function_is_refused():
    """Nobody would await it."""

    async def soap(job):
        """Do nothing."""

    assert "async" in fault(soap)


def test_a_function_without_the_job_is_refused():
    """It couldn't be called."""
    assert "takes no job" in fault(lambda: None)
    assert "takes no job" in fault(lambda *, to: None)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("no_such_module:Soap", "can't be loaded: ModuleNotFoundError"),
        ("coserver_consumer.tasks.http:Soap", "can't be loaded: AttributeError"),
        ("coserver_consumer.tasks.http:MAX_REDIRECTS", "wanted a function or a class"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_named(value, said):
    """The message has the task, the fault, and where the plugin comes from."""
    with pytest.raises(InvalidTask) as error:
        load_registry(CONTEXT, [point("soap", value)])
    assert "Task 'soap'" in str(error.value)
    assert said in str(error.value)
    assert f"plugin {value}" in str(error.value)


def test_a_plugin_says_when_it_is_tried_again():
    """By its attribute, as a function or as a class."""
    policy = RetryPolicy(max_attempts=9)

    class Soap:
        retry = policy

        def __init__(self, context):
            pass

        def run(self, job):
            pass

    def soap(job):
        pass

    assert make_task("soap", soap, CONTEXT).retry == RetryPolicy()
    soap.retry = policy
    assert make_task("soap", soap, CONTEXT).retry == policy
    assert make_task("soap", Soap, CONTEXT).retry == policy


def test_a_wrong_retry_policy_is_told_with_the_plugin():
    """Which task, and what is wrong."""

    def soap(job):
        pass

    soap.retry = 3
    assert fault(soap) == "Task 'soap': its attribute retry is 3, wanted a RetryPolicy."


def test_two_plugins_of_one_name_are_refused():
    """Which one runs must not be left to chance."""
    with pytest.raises(InvalidTask, match="Two plugins call their task 'x'"):
        load_registry(CONTEXT, [point("x", "a:b"), point("x", "c:d")])
