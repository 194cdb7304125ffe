"""Functions that the tests queue and run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import transaction
from AccessControl import getSecurityManager
from plone import api
from ZODB.POSException import ConflictError
from zope.component import adapter
from zope.component.hooks import getSite
from zope.globalrequest import getRequest

from collective.coserver import current_job, queue, task
from collective.coserver.database.engine import write
from collective.coserver.interfaces import IJob, IJobFailed
from coserver_consumer.model.job import Job
from coserver_consumer.retry import Backoff
from coserver_consumer.store import maintain

EXITS = {"exit": SystemExit, "interrupt": KeyboardInterrupt, "close": GeneratorExit}


@task
def echo(*args: Any, **kwargs: Any) -> Any:
    """Return what it was given."""
    return args, kwargs


@task(queue="default", max_attempts=3, timeout=60, title="Rename it")
def rename(context: Any, title: str, *more: Any, quietly: bool = False) -> str:
    """Change a title; return the path of what was changed."""
    context.title = title
    return "/".join(context.getPhysicalPath())


@task
def whoami() -> dict[str, Any]:
    """Tell as whom and where it runs."""
    user = getSecurityManager().getUser()
    return {
        "user": user.getId(),
        "roles": sorted(user.getRoles()),
        "site": "/".join(api.portal.get().getPhysicalPath()),
        "job": current_job.id,
        "attempt": current_job.attempt,
    }


@task
def tell_progress(context: Any) -> tuple[int, int]:
    """Say how far it is, then return."""
    current_job.progress(0.5, "half")
    return 1, 2


@task
def sum_up() -> list[Any]:
    """Return what has become of the jobs that its own came after."""
    return [(each.id, str(each.state), each.result, each.error) for each in current_job.followed]


@task
def locate(context: Any) -> str:
    """Return the address of an object."""
    return context.absolute_url()


@task
def create(folder: Any, name: str) -> list[str]:
    """Make a page; return who is named as its creators."""
    return list(api.content.create(folder, "Document", name).creators)


@task(run_as="system")
def rule() -> str:
    """Tell the name of the user as whom it runs, and whether that user may do all."""
    may = getSecurityManager().checkPermission("Manage portal", api.portal.get())
    return f"{getSecurityManager().getUser().getUserName()}: {bool(may)}"


@task(backoff=(10, 600))
def fail(context: Any) -> None:
    """Write, then fail with what must not be seen by everybody."""
    context.title = "half done"
    hidden = "a secret in a local variable"
    raise LookupError(f"no wind for {len(hidden)} days")


@task(
    max_attempts=7,
    backoff=Backoff(base=60, cap=60, floor=60),
    retry_on=(OSError,),
    never_retry_on=("FileExistsError",),
)
def risk(kind: str) -> None:
    """Raise an exception of that name."""
    raise {"ebb": TimeoutError, "wreck": FileExistsError, "rock": ValueError}[kind](kind)


@task(max_attempts=3, backoff=(30, 600), never_retry_on=(TypeError,))
def spoil(context: Any, how: str) -> str:
    """Return, though what was written can't be committed."""
    match how:
        case "doomed":
            transaction.doom()
        case "conflict":
            transaction.get().addBeforeCommitHook(meet_conflict)
        case _:
            context.unwritable = lambda: None
    return "returned"


@task
def rest(context: Any) -> None:
    """Write, then say that it wants to be run later."""
    context.title = "half done"
    current_job.snooze(60)


@task
def snooze(seconds: str) -> None:
    """Snooze for as long as ``float`` takes the text for."""
    current_job.snooze(float(seconds))


@adapter(IJob, IJobFailed)
def write_failure(job: Job, event: Any) -> None:
    """Subscribe to a site's jobs: write what has failed, and queue another job."""
    getSite().description += f"{job.title} {job.state}: {event.job.error}"
    rename.options(run_as="system").delay(getSite(), "after a failure")


def and_go_on(end: Callable[[], None], then: str) -> str:
    """End the attempt, in code that goes on after errors, and then do something else."""
    try:
        end()
    except Exception:  # noqa: BLE001  as loops over many items do
        {
            "return": lambda: None,
            "fail": [].pop,
            "conflict": meet_conflict,
            "commit": transaction.commit,
            "abort": transaction.abort,
            "end again": lambda: current_job.snooze(999),
        }[then]()
    return "went on"


def meet_conflict() -> None:
    """Have the publisher begin the request again."""
    raise ConflictError("somebody else wrote")


@task(max_attempts=2)
def rest_carefully(context: Any, then: str) -> str:
    """Do as ``rest``, in code that goes on after errors."""
    context.title = "half done"
    return and_go_on(lambda: current_job.snooze(60), then)


@task
def look_carefully(context: Any, then: str) -> str:
    """Somebody cancels the job, which looks for that in code that goes on after errors."""
    context.title = "half done"
    queue.cancel(current_job.id)
    return and_go_on(current_job.check_cancelled, then)


@task
def fail_cancelled(context: Any) -> None:
    """Fail after somebody has cancelled the job, without a look at that."""
    queue.cancel(current_job.id)
    raise LookupError("too late")


@task
def look_for_dead() -> int:
    """Do what another consumer's rescuer does meanwhile; return how many jobs it takes back."""
    return len(write(maintain.rescue).returned)


@task
def rest_in_hook(context: Any) -> str:
    """Snooze while the transaction is about to commit."""
    context.title = "half done"
    ask = lambda: and_go_on(lambda: current_job.snooze(60), "return")  # noqa: E731
    transaction.get().addBeforeCommitHook(ask)
    return "returned"


@task
def respond(context: Any, method: str, *args: Any) -> int:
    """Write, and have done something to the response, as a view that is called along may."""
    context.title = "written"
    for response in (getRequest().response, context.REQUEST.RESPONSE):
        getattr(response, method)(*args)
    return 5


@task(max_attempts=2, never_retry_on=(KeyboardInterrupt,))
def leave(context: Any, how: str) -> None:
    """End as no function should."""
    context.title = "half done"
    raise EXITS[how](3)


@task
def chatter(lines: int) -> str:
    """Log lines and show progress; outside of a job nobody hears."""
    for number in range(lines):
        current_job.log(f"line {number}")
    current_job.progress(1.0, "done")
    current_job.check_cancelled()
    return "said"


@task
def make(what: str) -> Any:
    """Return something of the kind that is asked for."""
    return {"object": object(), "long": "x" * 100_000, "site": api.portal.get()}[what]


@task
def spell(context: Any, letter: str) -> str:
    """Put a letter behind a title; return what it is then. An ``!`` is refused."""
    if letter == "!":
        raise LookupError("no such letter")
    context.title += letter
    return context.title


@task
def spell_late(context: Any, letter: str) -> str:
    """Do as ``spell``, in the second attempt."""
    if current_job.attempt == 1:
        raise LookupError("not yet")
    return spell(context, letter)


@task(max_attempts=1)
def spell_in_wind(context: Any, letter: str) -> str:
    """Do as ``spell``, where the description says that there is wind."""
    if context.description != "wind":
        raise LookupError("no wind")
    return spell(context, letter)


def plain() -> str:
    """Be no task."""
    return "called"
