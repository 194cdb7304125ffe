"""The button that queues a newsletter."""

from plone import api
from Products.Five import BrowserView

from collective.coserver import queue
from coserver_examples import _, button
from coserver_examples.newsletter.recipients import InvalidAddress, read_recipients


class QueueNewsletter(BrowserView):
    """Queues one job for each recipient; all of them, or none if this request fails."""

    def __call__(self) -> str:
        """Queue the mails and go back to the page."""
        button.check(self.request)
        site = api.portal.get()
        try:
            recipients = read_recipients(self.request.form.get("recipients", ""))
        except InvalidAddress as error:
            return button.complain(site, error.message)
        for recipient in recipients:
            self.queue_mail(recipient)
        return button.answer(
            site, _("${count} mails are queued.", mapping={"count": len(recipients)})
        )

    def queue_mail(self, recipient: str) -> str:
        """Queue the mail to one recipient and return the job's id.

        A POST, so that no log has the address in a URL.
        """
        return queue.add(
            self.context,
            view="@@send-newsletter-mail",
            method="POST",
            params={"recipient": recipient},
            title=f"Newsletter to {recipient}",
        )
