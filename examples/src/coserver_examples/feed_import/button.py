"""The button that queues a feed's import."""

from plone import api
from Products.Five import BrowserView

from collective.coserver import queue
from coserver_examples import _, button


class QueueFeedImport(BrowserView):
    """Queues one job for the feed; while that job lives, another press adds none."""

    def __call__(self) -> str:
        """Queue the import and go back to the page."""
        button.check(self.request)
        site = api.portal.get()
        url = self.request.form.get("url", "")
        if not url.startswith(("http://", "https://")):
            return button.complain(site, _("A feed's address starts with http or https."))
        return button.answer(site, _("The import is queued."), job_id=self.queue_import(url))

    def queue_import(self, url: str) -> str:
        """Queue the import and return the job's id."""
        return queue.add(
            self.context,
            view="@@import-feed",
            params={"url": url},
            unique=f"feed:{url}",
            timeout=120,
            title=f"Import {url}",
        )
