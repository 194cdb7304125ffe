"""Jobs that take long and have effects outside the ZODB, which nobody can take back."""

import smtplib
import time
from contextlib import contextmanager

from plone import api
from Products.Five import BrowserView

from collective.coserver import current_job
from coserver_acceptance.gates import DIRECTORY, stand_at


@contextmanager
def alone(name):
    """Fail if somebody else is at work under that name."""
    inside = DIRECTORY / f"{name}.inside"
    inside.touch(exist_ok=False)
    try:
        yield
    finally:
        inside.unlink()


class SendMails(BrowserView):
    """Sends so many mails to a domain, one after another, each on its own."""

    def __call__(self) -> str:
        """Answer when all are sent."""
        form = self.request.form
        with alone(form["domain"]):
            for number in range(int(form["number"])):
                time.sleep(float(form["pause"]))
                self.send(f"reader{number}@{form['domain']}")
        return "sent"

    def send(self, recipient: str) -> None:
        """Send a mail at once, not with the commit."""
        host = api.portal.get_registry_record("plone.smtp_host")
        port = api.portal.get_registry_record("plone.smtp_port")
        with smtplib.SMTP(host, port) as server:
            server.sendmail("site@example.org", recipient, "Subject: News\r\n\r\nNews.\r\n")


class WorkUntilStopped(BrowserView):
    """Works in its first attempt until it is told to stop; in the next it has nothing to do."""

    def __call__(self) -> str:
        """Answer in the second attempt, which must not begin before the first has ended."""
        with alone(self.request.form["name"]):
            while current_job.attempt == 1:
                time.sleep(0.05)
                current_job.check_cancelled()
        return "nothing to do"


class StandAlone(BrowserView):
    """Stands at the gate of the name it is given; fails if somebody else stands there."""

    def __call__(self) -> str:
        """Answer when it was let through."""
        name = self.request.form["name"]
        with alone(name):
            stand_at(name)
        return "through"
