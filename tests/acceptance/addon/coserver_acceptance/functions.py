"""Functions that the tests have called as jobs."""

from typing import Any

from ZODB.POSException import ConflictError
from zope.globalrequest import getRequest

from collective.coserver import current_job, task
from coserver_acceptance.counting import count
from coserver_acceptance.gates import DIRECTORY, stand_at


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
def count_at_gate(site: Any, name: str) -> int:
    """Count, then stand at the gate of that name."""
    counted = count(site, name)
    stand_at(name)
    return counted


def _is_first_time(name: str) -> bool:
    """Return True once; a file remembers, since an aborted transaction can't."""
    try:
        (DIRECTORY / f"{name}.snoozed").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
