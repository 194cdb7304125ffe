"""Requests that queue jobs: plainly, and in every way that can go wrong."""

import json
import threading

import transaction
from plone import api
from plone.protect.interfaces import IDisableCSRFProtection
from Products.Five import BrowserView
from zope.interface import alsoProvides

from collective.coserver import queue
from coserver_acceptance import functions

MEETING = threading.Barrier(2)


class Queue(BrowserView):
    """Queues the job that the parameters describe, and answers with its id."""

    def __call__(self) -> str:
        """Queue ``view`` of this object with ``options`` (JSON)."""
        form = self.request.form
        return queue.add(self.context, view=form["view"], **json.loads(form["options"]))


class QueueAtSite(BrowserView):
    """Queues as ``Queue`` does, but a view of the site, wherever this is."""

    def __call__(self) -> str:
        """Queue ``view`` of the site with ``options`` (JSON)."""
        form = self.request.form
        return queue.add(api.portal.get(), view=form["view"], **json.loads(form["options"]))


class QueueBody(BrowserView):
    """Queues a POST with the body of this very request, and answers with its id."""

    def __call__(self) -> str:
        """Queue ``view`` of this object on ``queue``; both are in the query or in the form."""
        form = self.request.form
        said = {"view": form["view"], "queue": form["queue"]}
        return queue.add(self.context, "POST", payload=queue.CURRENT, **said)


class QueueCall(BrowserView):
    """Queues the call of a function with this object and a name, and answers with its id."""

    def __call__(self) -> str:
        """Queue ``function`` of the tests' module with ``options`` (JSON)."""
        form = self.request.form
        function = getattr(functions, form["function"]).options(**json.loads(form["options"]))
        return function.delay(self.context, form["name"])


class QueueXmlRpc(BrowserView):
    """Queues the call of a method through XML-RPC, and answers with its id."""

    def __call__(self) -> str:
        """Queue ``method`` of this object with ``args`` and ``options`` (JSON)."""
        form = self.request.form
        options = json.loads(form["options"])
        return queue.add_xmlrpc(self.context, form["method"], json.loads(form["args"]), **options)


class QueueThenFail(BrowserView):
    """Queues ten jobs, then fails."""

    def __call__(self) -> str:
        """Fail with the status 500; the page that shows it isn't the test's concern."""
        for number in range(10):
            queue.add(self.context, view="@@test-who-am-i", title=f"aborted {number}")
        raise RuntimeError("This request was meant to fail.")


class QueueAroundSavepoint(BrowserView):
    """Queues a job before a savepoint, one that is rolled back, and one afterwards."""

    def __call__(self) -> str:
        """Answer with the three ids as JSON."""
        before = self.queue_job("before")
        savepoint = transaction.savepoint()
        inside = self.queue_job("inside")
        savepoint.rollback()
        after = self.queue_job("after")
        return json.dumps({"before": before, "inside": inside, "after": after})

    def queue_job(self, when: str) -> str:
        """Queue a job that says when it was queued."""
        return queue.add(self.context, view="@@test-who-am-i", title=f"{when} the savepoint")


class QueueAmidConflict(BrowserView):
    """Two such requests at once read the same object before either writes it."""

    def __call__(self) -> str:
        """Answer with the job's id and how often the request was begun again."""
        alsoProvides(self.request, IDisableCSRFProtection)
        count = getattr(self.context, "test_count", 0)
        if self.request.retry_count == 0:
            MEETING.wait(timeout=30)
        self.context.test_count = count + 1
        job_id = queue.add(self.context, view="@@test-who-am-i", title=self.request.form["title"])
        return json.dumps({"job_id": job_id, "retries": self.request.retry_count})


class MoveDocument(BrowserView):
    """Moves a document into a new folder, or deletes it and makes another of its name."""

    def __call__(self) -> str:
        """Answer with the path at which the document is, relative to the site."""
        alsoProvides(self.request, IDisableCSRFProtection)
        name = self.request.form["name"]
        if self.request.form["how"] == "move":
            folder = api.content.create(self.context, "Folder", title="Moved")
            api.content.move(self.context[name], folder)
            return f"{folder.getId()}/{name}"
        api.content.delete(self.context[name])
        api.content.create(self.context, "Document", id=name)
        return name


class MakeDocument(BrowserView):
    """Makes a private document and queues its publication in the same transaction."""

    def __call__(self) -> str:
        """Answer with the job's id and the document's name as JSON."""
        alsoProvides(self.request, IDisableCSRFProtection)
        form = self.request.form
        document = api.content.create(
            self.context,
            form.get("type", "Document"),
            id=form.get("name"),
            title="From the harbour",
        )
        delay = float(form.get("delay", 0))
        said = {"queue": form.get("queue", "default"), "delay": delay}
        if form.get("work") == "function":
            job_id = functions.say_title.options(**said).delay(document)
        else:
            job_id = queue.add(document, view="@@test-publish", **said)
        return json.dumps({"job_id": job_id, "name": document.getId()})
