"""``@@coserver-call``, which calls the function that the request's job names."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

from Products.Five import BrowserView
from transaction.interfaces import TransientError

from collective.coserver.database.settings import get_settings
from collective.coserver.functions import registry
from collective.coserver.functions.calls import read_arguments, write
from collective.coserver.functions.run_as import acting_as
from collective.coserver.identity.request_job import find_admitted
from collective.coserver.identity.site import find_site
from collective.coserver.publication.judgement import judge_function_error
from collective.coserver.publication.refusal import NotAdmitted, Refused, refuse
from coserver_consumer.model.job import Job
from coserver_consumer.model.outcome import Completed
from coserver_consumer.protocol.answer import CALL
from coserver_consumer.protocol.codec import cap_result
from coserver_consumer.protocol.outcome_message import MEDIA_TYPE, dump_outcome

logger = logging.getLogger("collective.coserver")

ENVELOPE_CHARS = 100  # of an answer, around its result


class Call(BrowserView):
    """Only a job's request finds it. An error aborts the transaction and fails the attempt."""

    def __call__(self) -> str:
        """Answer with the outcome as a message."""
        admitted = find_admitted(self.request)
        if admitted is None or admitted.job.task != CALL:
            refuse(self.request, NotAdmitted("This request's job isn't the call of a function."))
        job = admitted.job
        try:
            with without_response(self.request):
                result = call(job)
        except (Refused, TransientError):
            raise  # the job ends itself, or the publisher begins the request again
        except Exception as error:
            logger.exception("Function %s of job %s failed.", job.args["function"], job.id)
            refuse(self.request, Refused(500, judge_function_error(error, job)))
        limit = get_settings().max_result - ENVELOPE_CHARS
        admitted.returned = Completed(result=cap_result(result, limit))
        self.request.response.setHeader("Content-Type", MEDIA_TYPE)
        return dump_outcome(admitted.returned)


@contextmanager
def without_response(request: Any) -> Iterator[None]:
    """Have nothing that is done to the response within the block reach the consumer.

    A view that the function calls may redirect, set a status or write.
    """
    kept = request.response
    try:
        _set_response(request, type(kept)(stdout=BytesIO(), stderr=kept.stderr))
        yield
    finally:
        _set_response(request, kept)


def _set_response(request: Any, response: Any) -> None:
    request.response = request.other["RESPONSE"] = response


def call(job: Job) -> Any:
    """Call the function that the job names; return what it returned, as JSON."""
    task = registry.find(job.args["function"])
    args, kwargs = read_arguments(job.args)
    with acting_as(job.args.get("run_as"), find_site()):
        return write(task(*args, **kwargs), name="The result")
