"""One mail of a newsletter, as a view that the consumer calls."""

from plone import api
from Products.Five import BrowserView
from zope.i18n import translate

from coserver_examples import _


class SendNewsletterMail(BrowserView):
    """Sends the mail to the one recipient whom the parameter ``recipient`` names."""

    def __call__(self) -> str:
        """Have the mail sent when this request commits, which is what completes the job.

        So an attempt that fails has sent nothing. A server that can't be reached fails the
        attempt, and the job is tried again. With ``immediate=True`` the mail would go out at
        once, and once more if anything fails after it.
        """
        api.portal.send_email(
            recipient=self.request.form["recipient"],
            subject=self.context.Title(),
            body=self.make_body(),
        )
        return "The mail goes out with the commit."

    def make_body(self) -> str:
        """Return the text. Its link is the public one, as the queuing request had it."""
        text = _(
            "Read it here: ${url}",
            mapping={"url": self.context.absolute_url()},
        )
        return f"{self.context.Description()}\n\n{translate(text, context=self.request)}\n"
