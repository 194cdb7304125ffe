"""One mail of a newsletter, as a view that the consumer calls."""

from plone import api
from Products.Five import BrowserView
from zope.i18n import translate

from coserver_examples import _


class SendNewsletterMail(BrowserView):
    """Sends the mail to the one recipient whom the parameter ``recipient`` names."""

    def __call__(self) -> str:
        """Hand the mail to the SMTP server; an error there fails the job, which is tried again.

        ``immediate`` is what makes it so: a mail that waits for the commit is sent when the
        job can't fail any more.
        """
        api.portal.send_email(
            recipient=self.request.form["recipient"],
            subject=self.context.Title(),
            body=self.make_body(),
            immediate=True,
        )
        return "sent"

    def make_body(self) -> str:
        """Return the text. Its link is the public one, as the queuing request had it."""
        text = _(
            "Read it here: ${url}",
            mapping={"url": self.context.absolute_url()},
        )
        return f"{self.context.Description()}\n\n{translate(text, context=self.request)}\n"
