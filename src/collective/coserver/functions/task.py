"""``@task``: a function that can be queued."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import update_wrapper
from typing import Any, Generic, ParamSpec, TypeVar, Unpack, overload

from zope.globalrequest import getRequest

from collective.coserver.functions import eager, registry
from collective.coserver.functions.calls import find_content, pack_arguments
from collective.coserver.functions.content import fill
from collective.coserver.functions.fault import find_fault
from collective.coserver.functions.run_as import SYSTEM, to_owner
from collective.coserver.identity.site import find_site
from collective.coserver.producer.enqueue import Work, enlist, make
from collective.coserver.producer.eta import with_moment
from coserver_consumer.model.errors import InvalidJob, InvalidTask
from coserver_consumer.model.exception_text import brief
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.options import JobOptions, Options, read_options, refuse_unknown
from coserver_consumer.model.retry import PLAIN, Backoff, Kind, RetryPolicy

P = ParamSpec("P")
R = TypeVar("R")

POLICY = ("backoff", "retry_on", "never_retry_on")  # said of a task, not of one job


class TaskOptions(Options, total=False):
    """The keywords of ``Task.options``: those of a job, and as whom it runs."""

    run_as: str | None


@dataclass(eq=False, repr=False)
class Task(Generic[P, R]):
    """A function with the options of its jobs. To call it is to call the function, here and now."""

    function: Callable[P, R]
    said: JobOptions
    run_as: str | None = None
    retry: RetryPolicy = PLAIN

    def __post_init__(self) -> None:
        if self.run_as is not None and not (isinstance(self.run_as, str) and self.run_as):
            raise InvalidJob(f"run_as is {brief(self.run_as)}, wanted 'system' or a user's id.")
        update_wrapper(self, self.function)

    def __repr__(self) -> str:
        return f"<Task {self.name}>"

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function; nothing is queued."""
        return self.function(*args, **kwargs)

    @property
    def name(self) -> str:
        """The dotted name by which jobs know it."""
        return f"{self.function.__module__}.{self.function.__qualname__}"

    def options(self, **changes: Unpack[TaskOptions]) -> Task[P, R]:
        """Return the task with other options: those of ``@task`` that speak of one job.

        ``None`` takes back what ``@task`` said. Raises ``InvalidJob``.
        """
        if of_task := sorted(set(changes) & set(POLICY)):
            raise InvalidJob(
                f"{of_task[0]} is said of all jobs of a task, by @task({of_task[0]}=...)."
            )
        refuse_unknown(changes, beside=("run_as",))
        said = with_moment(changes)
        run_as = said.pop("run_as", self.run_as)
        return replace(self, said=self.said.change(**said), run_as=run_as)

    def delay(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """Queue a call with the current transaction; return the job's id.

        Raises ``AddError`` for what can't be queued, ``ConfigurationError``, ``StoreError``.
        """
        if calls := eager.current():
            packed = pack_arguments(self.function, args, kwargs)
            return calls.make(self, fill(packed, settled=True))
        return enlist(self.job(*args, **kwargs))

    def job(self, *args: P.args, **kwargs: P.kwargs) -> NewJob:
        """Return the job that ``delay`` would queue, for ``queue.chain`` and ``queue.group``."""
        packed = pack_arguments(self.function, args, kwargs)
        rights = {"run_as": SYSTEM} if self.run_as == SYSTEM else {}

        def write(*, settled: bool) -> Work:
            written = fill(packed, settled=settled)
            named = {"function": self.name, **written, **rights}
            return Work(task="call", args=named, title=self.name)

        work = replace(write(settled=False), settle=lambda: write(settled=True))
        site = find_site(find_content(args, kwargs)) or find_site()
        owner = to_owner(self.run_as, site)
        return make(work, self.said, owner=owner, site=site, request=getRequest())


@overload
def task(function: Callable[P, R], /) -> Task[P, R]: ...


@overload
def task(
    *,
    run_as: str | None = None,
    backoff: Backoff | tuple[float, float] | None = None,
    retry_on: tuple[Kind, ...] = (),
    never_retry_on: tuple[Kind, ...] = (),
    **options: Unpack[Options],
) -> Callable[[Callable[P, R]], Task[P, R]]: ...


def task(
    function: Callable[..., Any] | None = None,
    /,
    *,
    run_as: str | None = None,
    backoff: Backoff | tuple[float, float] | None = None,
    retry_on: tuple[Kind, ...] = (),
    never_retry_on: tuple[Kind, ...] = (),
    **options: Unpack[Options],
) -> Any:
    """Make a function one that can be queued: ``@task`` or ``@task(queue="video", ...)``.

    ``options`` are those of ``JobOptions``, said of each of its jobs. ``run_as`` is ``"system"`` or
    a user's id; without it a job runs as the user who queues it. ``backoff`` says how long to wait
    between attempts: as a pair, the longest wait in seconds before the second and before any.
    ``retry_on`` and ``never_retry_on`` say after which exceptions: see ``RetryPolicy``.

    Raises ``InvalidTask`` for a function that couldn't be found again by its name and for a policy
    that is wrong, ``InvalidJob`` for a wrong option.
    """
    refuse_unknown(options, beside=("run_as", *POLICY))
    said = read_options(with_moment(options))
    retry = RetryPolicy(backoff=_to_backoff(backoff), on=retry_on, never=never_retry_on)

    def decorate(function: Callable[P, R]) -> Task[P, R]:
        if isinstance(function, Task):
            raise InvalidTask(
                f"{function.name} is a task already. Put @task before its def once, and say other "
                f"options of single jobs by {function.function.__name__}.options(...)."
            )
        if fault := find_fault(function):
            raise InvalidTask(fault)
        made = Task(function, said, run_as, retry)
        registry.register(made)
        return made

    return decorate if function is None else decorate(function)


def _to_backoff(said: Any) -> Any:
    """Return a pair as a backoff; what is neither is the policy's to refuse."""
    match said:
        case [base, cap]:
            return Backoff(base=base, cap=cap)
        case _:
            return said
