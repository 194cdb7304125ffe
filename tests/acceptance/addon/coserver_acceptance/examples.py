"""The examples' functions on any queue, and what shows that they have worked."""

import json

from plone import api
from plone.protect.interfaces import IDisableCSRFProtection
from Products.Five import BrowserView
from zope.interface import alsoProvides

from coserver_examples.reindex.job import reindex_tree
from coserver_examples.zip_export.job import export_zip


class QueueExport(BrowserView):
    """Queues the export of this folder on the queue that it is told, and answers with its id."""

    def __call__(self) -> str:
        """Queue it."""
        return export_zip.options(queue=self.request.form["queue"]).delay(self.context)


class QueueReindex(BrowserView):
    """Queues the reindex of this folder on the queue that it is told, and answers with its id."""

    def __call__(self) -> str:
        """Queue it."""
        return reindex_tree.options(queue=self.request.form["queue"]).delay(self.context)


class Remove(BrowserView):
    """Removes an object from this folder, if it is there."""

    def __call__(self) -> str:
        """Answer with what is left."""
        alsoProvides(self.request, IDisableCSRFProtection)
        name = self.request.form["name"]
        if name in self.context:
            api.content.delete(self.context[name])
        return json.dumps(list(self.context.objectIds()))


class MakeStale(BrowserView):
    """Gives everything below a new title that the catalog doesn't hear of."""

    def __call__(self) -> str:
        """Answer with how many there are."""
        alsoProvides(self.request, IDisableCSRFProtection)
        word = self.request.form["word"]
        found = api.content.find(self.context)
        for number, brain in enumerate(found):
            brain.getObject().title = f"{word} {number}"
        return str(len(found))


class CountTitled(BrowserView):
    """Counts what the catalog finds below by a word of the title."""

    def __call__(self) -> str:
        """Answer with the number."""
        return str(len(api.content.find(self.context, Title=self.request.form["word"])))


class Edit(BrowserView):
    """Changes an object as an editor does."""

    def __call__(self) -> str:
        """Answer with the description that it had, as JSON."""
        alsoProvides(self.request, IDisableCSRFProtection)
        before = self.context.description
        self.context.description = self.request.form["text"]
        self.context.reindexObject()
        return json.dumps(before)


class Described(BrowserView):
    """Says the description that the object has, and the one that the catalog has."""

    def __call__(self) -> str:
        """Answer with both as JSON."""
        [brain] = api.content.find(UID=api.content.get_uuid(self.context))
        return json.dumps([self.context.description, brain.Description])
