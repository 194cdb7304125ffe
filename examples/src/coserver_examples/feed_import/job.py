"""The import itself, as a view that the consumer calls."""

from plone import api
from plone.app.textfield.value import RichTextValue
from plone.dexterity.content import DexterityContent
from Products.Five import BrowserView

from coserver_examples.feed_import.feed import Entry, fetch, parse


class ImportFeed(BrowserView):
    """Makes news items of a feed's entries; they belong to the user who queued the job."""

    def __call__(self) -> str:
        """Import the feed of the parameter ``url`` and say how much of it was new.

        A ``FeedError`` goes through: the request ends with status 500, and the job is tried
        again later.
        """
        entries = parse(fetch(self.request.form["url"]))
        new = [entry for entry in entries if entry.name not in self.context]
        for entry in new:
            self.make_news_item(entry)
        return f"{len(new)} of {len(entries)} entries were new."

    def make_news_item(self, entry: Entry) -> DexterityContent:
        """Make the news item of one entry. Its name keeps a second run from making it twice."""
        return api.content.create(
            self.context,
            "News Item",
            id=entry.name,
            title=entry.title,
            text=RichTextValue(entry.html, "text/html", "text/x-html-safe"),
        )
