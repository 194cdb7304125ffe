"""Requests that queue workflows."""

import json
from typing import Any

from plone.protect.interfaces import IDisableCSRFProtection
from Products.Five import BrowserView
from zope.interface import alsoProvides

from collective.coserver import queue
from coserver_acceptance.functions import alone, count_all, count_if_open, count_one

Names = dict[str, str]


class QueueWorkflow(BrowserView):
    """Queues what ``kind`` says, in the transaction of a change of the site."""

    def __call__(self) -> str:
        """Answer with the ids of the jobs as JSON."""
        alsoProvides(self.request, IDisableCSRFProtection)
        form = self.request.form
        self.context.test_workflow = form["name"]
        return json.dumps(KINDS[form["kind"]](self.context, form["name"], form["queue"]))


def queue_group(site: Any, name: str, line: str) -> Names:
    """Queue five counts, a job that tells what was counted, and one for a failure."""
    names = [f"{name}_{number}" for number in range(5)]
    made = queue.group(
        [count_one.options(queue=line).job(site, each) for each in names],
        on_success=count_all.options(queue=line).job(site, names),
        on_failure=count_one.options(queue=line).job(site, f"{name}_failed"),
    )
    ids = {f"member {number}": job.id for number, job in enumerate(made.members)}
    return {**ids, "success": made.on_success.id, "failure": made.on_failure.id}


def queue_chain(site: Any, name: str, line: str) -> Names:
    """Queue a count, one that fails until its gate is open, and a view."""
    calls = [
        count_one.options(queue=line).job(site, name),
        count_if_open.options(queue=line).job(site, name),
        queue.job(site, view="@@test-count", params={"name": name}, queue=line),
    ]
    return dict(zip(("first", "middle", "last"), queue.chain(calls), strict=True))


def queue_limited(site: Any, name: str, line: str) -> Names:
    """Queue twenty jobs that must not meet."""
    call = alone.options(queue=line, limit=name)
    return {str(number): call.delay(site, name) for number in range(20)}


KINDS = {"group": queue_group, "chain": queue_chain, "limited": queue_limited}
