"""Views for jobs that say what has reached them, and that answer in every way there is."""

import json
import sys
from base64 import b64encode
from hashlib import sha256

import transaction
from AccessControl import Unauthorized
from plone import api
from Products.Five import BrowserView
from zExceptions import Redirect as RaisedRedirect
from ZODB.POSException import ConflictError

from collective.coserver import current_job
from collective.coserver.interfaces import IJobRequest
from coserver_acceptance.gates import stand_at


class Reached(BrowserView):
    """What has reached Zope of the job's request."""

    def __call__(self) -> str:
        """Answer with it as JSON."""
        self.request.response.setHeader("Content-Type", "application/json; charset=utf-8")
        form = {name: tell(value) for name, value in self.request.form.items()}
        return json.dumps(
            {
                "method": self.request.method,
                "path": self.request["PATH_INFO"],
                "form": form,
                "body": b64encode(self.request.get("BODY", b"")).decode(),
                "content_type": self.request.getHeader("Content-Type"),
                "length": self.request.getHeader("Content-Length"),
                "header": self.request.getHeader("X-Feed"),
                "skin": api.portal.get().getCurrentSkinName(),
                "is_job": IJobRequest.providedBy(self.request),
                "job": current_job.id,
            },
            ensure_ascii=False,
        )


class ReachedSize(BrowserView):
    """How much has reached Zope of the request's body."""

    def __call__(self) -> str:
        """Answer with size and digest as JSON."""
        body = self.request["BODY"]
        return json.dumps({"size": len(body), "digest": sha256(body).hexdigest()})


def tell(value: object) -> object:
    """Return what a field holds, of a file its name, type and content."""
    if not hasattr(value, "filename"):
        return value
    return {
        "filename": value.filename,
        "type": value.headers["content-type"],
        "content": b64encode(value.read()).decode(),
    }


class Large(BrowserView):
    """Answers with as much text as it is asked for."""

    def __call__(self) -> str:
        """Answer with letters that take two bytes each."""
        return "ä" * int(self.request.form["letters"])


class Binary(BrowserView):
    """Answers with bytes that are no text."""

    def __call__(self) -> bytes:
        """Answer with all bytes there are."""
        self.request.response.setHeader("Content-Type", "application/octet-stream")
        return bytes(range(256)) * 1000


class Redirect(BrowserView):
    """Answers with a redirect to where it is told."""

    def __call__(self) -> str:
        """Answer with an empty body."""
        self.request.response.redirect(self.request.form["to"])
        return ""


class Raise(BrowserView):
    """Raises what it is told, after it has written, or dooms its transaction."""

    def __call__(self) -> str:
        """Answer only if it is doomed."""
        self.context.description = "written by what raised"
        match self.request.form["error"]:
            case "unauthorized":
                raise Unauthorized("This was meant to be raised: Grüße.")
            case "redirect":
                raise RaisedRedirect("/elsewhere")
            case "conflict":
                raise ConflictError
            case "exit":
                sys.exit(3)
            case "doom":
                transaction.doom()
                return "returned"
            case _:
                raise ValueError("This was meant to be raised: Grüße.")


class Work(BrowserView):
    """Tells its progress, stands at the gate of the name it is given, and heeds a cancel."""

    def __call__(self) -> str:
        """Answer when it was let through and nobody has cancelled it."""
        name = self.request.form["gate"]
        self.context.description = f"written by {name}"
        current_job.progress(0.5, "half of it: Grüße")
        current_job.log("at the gate")
        stand_at(name)
        current_job.check_cancelled()
        return "through"
