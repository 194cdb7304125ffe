"""Functions that the tests have called as jobs."""

import sys
import time
from typing import Any

import transaction
from plone import api
from ZODB.POSException import ConflictError
from zope.globalrequest import getRequest

from collective.coserver import current_job, task
from coserver_acceptance.counting import count
from coserver_acceptance.gates import DIRECTORY, stand_at
from coserver_consumer.retry import Backoff


@task
def count_amid_trouble(site: Any, name: str) -> dict[str, Any]:
    """Count each time; fail first, then snooze, then meet a conflict, then return."""
    counted = count(site, name)
    current_job.log(f"attempt {current_job.attempt}")
    if current_job.attempt == 1:
        raise RuntimeError("This attempt was meant to fail.")
    if _is_first_time(name):
        current_job.snooze(0.1)
    if getRequest().retry_count == 0:
        raise ConflictError("This call was meant to meet a conflict.")
    return {"counted": counted, "site": site}


@task
def say_addresses(context: Any, name: str) -> list[str]:
    """Return the address of an object and that of its site."""
    return [context.absolute_url(), api.portal.get().absolute_url()]


@task
def spoil(site: Any, name: str) -> str:
    """Write, and return though nothing of that can be committed, or end the thread."""
    site.description = "written by what raised"
    if name == "exit":
        sys.exit(3)
    elif name == "doom":
        transaction.doom()
    else:
        site.unwritable = lambda: None
    return "returned"


@task
def rest_carefully(site: Any, name: str) -> str:
    """Write and snooze the first time, in code that goes on after every error; then return."""
    if not _is_first_time(name):
        return site.description
    site.description = "written by what raised"
    try:
        current_job.snooze(0.1)
    except Exception:  # noqa: BLE001  as loops over many items do
        return "went on"


@task
def count_and_respond(site: Any, name: str) -> int:
    """Count, and do to the response what a function has no say in."""
    response = getRequest().response
    response.setHeader("Connection", "x")
    response.redirect("https://elsewhere.example/x", lock=True)
    response.setBody("elsewhere", lock=True)
    return count(site, name)


@task
def say_title(document: Any) -> str:
    """Change a document; return its path."""
    document.title = "said"
    return "/".join(document.getPhysicalPath())


@task
def count_at_gate(site: Any, name: str) -> int:
    """Count, then stand at the gate of that name."""
    counted = count(site, name)
    stand_at(name)
    return counted


@task
def count_one(site: Any, name: str) -> int:
    """Count."""
    return count(site, name)


@task(run_as="system")
def count_all(site: Any, names: list[str]) -> list[int]:
    """Return how often each was counted."""
    return [getattr(site, f"count_{name}", 0) for name in names]


@task(max_attempts=1)
def count_if_open(site: Any, name: str) -> int:
    """Count, if the gate of that name is open; fail if it isn't."""
    if not (DIRECTORY / f"{name}.open").exists():
        raise RuntimeError("The gate is closed.")
    return count(site, name)


@task(max_attempts=1)
def alone(site: Any, name: str) -> int:
    """Count; fail if another one does so at the same time."""
    inside = DIRECTORY / f"{name}.inside"
    inside.touch(exist_ok=False)
    counted = count(site, name)
    time.sleep(0.02)
    inside.unlink()
    return counted


@task(
    max_attempts=3,
    backoff=Backoff(base=3, cap=3, floor=3),
    retry_on=("coserver_acceptance.functions.Ebb",),
)
def sail(site: Any, name: str) -> None:
    """Count, and fail: of the ebb another attempt may be made, of a rock it can't."""
    count(site, name)
    raise {"ebb": Ebb, "rock": RuntimeError}[name](name)


class Ebb(Exception):
    """There is too little water now."""


def _is_first_time(name: str) -> bool:
    """Return True once; a file remembers, since an aborted transaction can't."""
    try:
        (DIRECTORY / f"{name}.snoozed").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
