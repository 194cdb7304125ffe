"""The greeting itself, as a view that the consumer calls."""

from plone import api
from plone.app.textfield.value import RichTextValue
from plone.dexterity.content import DexterityContent
from Products.Five import BrowserView
from zope.i18n import translate

from coserver_examples import _


class SayHello(BrowserView):
    """Runs as the user who pressed the button, with that user's rights."""

    def __call__(self) -> str:
        """Write the page and return its address, which becomes the job's result."""
        page = self.find_or_make_page()
        page.title = translate(_("Hello from a job"), context=self.request)
        page.text = RichTextValue(self.make_text(), "text/html", "text/x-html-safe")
        page.reindexObject()
        return page.absolute_url()

    def find_or_make_page(self) -> DexterityContent:
        """Return the page that greets; a second run finds what the first one made."""
        if "hello" in self.context:
            return self.context["hello"]
        return api.content.create(self.context, "Document", id="hello", title="Hello")

    def make_text(self) -> str:
        """Return the greeting as HTML, in the language of the request that queued the job."""
        text = _(
            "Written by a job that ${user} queued.",
            mapping={"user": api.user.get_current().getId()},
        )
        return f"<p>{translate(text, context=self.request)}</p>"
