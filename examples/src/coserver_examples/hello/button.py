"""The button that queues the greeting."""

from Products.Five import BrowserView

from collective.coserver import queue
from coserver_examples import _, button


class QueueHello(BrowserView):
    """Queues one job. The job exists once this request has committed."""

    def __call__(self) -> str:
        """Queue the greeting and go back to the page."""
        button.check(self.request)
        job_id = queue.add(self.context, view="@@say-hello", title="Say hello")
        return button.answer(self.context, _("The greeting is queued."), job_id=job_id)
