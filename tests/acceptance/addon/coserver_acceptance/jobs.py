"""Views that the tests have run as jobs."""

import json

from plone import api
from Products.Five import BrowserView

from collective.coserver import current_job
from coserver_acceptance.gates import stand_at


class WhoAmI(BrowserView):
    """Says as whom, where and how the request runs."""

    def __call__(self) -> str:
        """Answer with all of it as JSON."""
        user = api.user.get_current()
        return json.dumps(
            {
                "user": user.getId(),
                "roles": sorted(user.getRolesInContext(self.context)),
                "language": self.request.get("LANGUAGE"),
                "url": self.context.absolute_url(),
                "path": "/".join(self.context.getPhysicalPath()),
                "form": dict(self.request.form),
                "task_id": self.request.getHeader("X-Task-Id"),
                "task_queue": self.request.getHeader("X-Task-Queue"),
                "cookies": dict(self.request.cookies),
            }
        )


class Publish(BrowserView):
    """Publishes the document that it is called on."""

    def __call__(self) -> str:
        """Answer with the new state."""
        api.content.transition(self.context, "publish")
        return api.content.get_state(self.context)


class Write(BrowserView):
    """Writes to the ZODB, though it is a GET without an authenticator."""

    def __call__(self) -> str:
        """Change the site's description."""
        self.context.description = self.request.form["text"]
        return "written"


class FailFirst(BrowserView):
    """Fails twice, then succeeds."""

    def __call__(self) -> str:
        """Answer at the third attempt with its number."""
        if current_job.attempt < 3:
            raise RuntimeError("This attempt was meant to fail.")
        return json.dumps(current_job.attempt)


class Status(BrowserView):
    """Ends with the status that it is asked for."""

    def __call__(self) -> str:
        """Answer with the status, as text too."""
        status = self.request.form["status"]
        self.request.response.setStatus(int(status))
        return status


class StandAtGate(BrowserView):
    """Stays in the middle of its work until the test lets it go."""

    def __call__(self) -> str:
        """Answer when it was let through."""
        stand_at(self.request.form["gate"])
        return "through"
