"""The button that queues a reindex."""

from plone import api
from Products.Five import BrowserView

from coserver_examples import _, button
from coserver_examples.reindex.job import reindex_tree


class QueueReindex(BrowserView):
    """Queues one job, which queues the others; while it lives, another press adds none."""

    def __call__(self) -> str:
        """Queue the reindex and go back to the page."""
        button.check(self.request)
        path = "/".join(self.context.getPhysicalPath())
        job = reindex_tree.options(title=f"Reindex {path}", unique=f"reindex:{path}")
        return button.answer(
            api.portal.get(), _("The reindex is queued."), job_id=job.delay(self.context)
        )
