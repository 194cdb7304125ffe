"""Jobs whose effect must not happen twice: they count."""

from Products.Five import BrowserView
from ZODB.POSException import ConflictError

from coserver_acceptance.gates import stand_at


class Count(BrowserView):
    """Counts one more under the name that it is given, then stands at the gate of that name."""

    def __call__(self) -> str:
        """Answer when it was let through."""
        name = self.request.form["name"]
        count(self.context, name)
        stand_at(name)
        return "counted"


class CountAmidConflict(BrowserView):
    """Counts, and meets a conflict the first time that Zope publishes the request."""

    def __call__(self) -> str:
        """Answer with how often the request was begun again."""
        count(self.context, self.request.form["name"])
        if self.request.retry_count == 0:
            raise ConflictError("This request was meant to meet a conflict.")
        return str(self.request.retry_count)


class CountAndFail(BrowserView):
    """Counts, and says by its status that it has failed; Zope commits all the same."""

    def __call__(self) -> str:
        """Answer 503 the first time, then 200."""
        if count(self.context, self.request.form["name"]) == 1:
            self.request.response.setStatus(503)
        return "counted"


class Counted(BrowserView):
    """How often something was counted."""

    def __call__(self) -> str:
        """Answer with the number."""
        return str(getattr(self.context, f"count_{self.request.form['name']}", 0))


def count(site: object, name: str) -> int:
    """Count one more and return how many there are."""
    number = getattr(site, f"count_{name}", 0) + 1
    setattr(site, f"count_{name}", number)
    return number
