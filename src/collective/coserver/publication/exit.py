"""The answer to a job's request that would end without one.

The publisher answers every ``Exception``. Others, such as SystemExit, pass it and the web server,
which would leave the consumer waiting for an answer.
"""

from __future__ import annotations

import sys
from typing import Any

from zope.component import adapter
from zope.globalrequest import clearRequest
from zope.publisher.interfaces import EndRequestEvent

from collective.coserver.identity.request_job import get_job
from collective.coserver.publication.ending import refuse_ended
from collective.coserver.publication.judgement import judge_error
from collective.coserver.publication.refusal import refuse_failed
from collective.coserver.publication.run import find_run, was_completed


@adapter(EndRequestEvent)
def answer_exit(event: Any) -> None:
    """Answer for a job that has ended its attempt, or whose code wanted to end its thread.

    Its transaction is aborted by then. This is a subscriber for the class, which is called after
    those for the interface: what it raises replaces what ended the request.
    """
    request = event.request
    job, run = get_job(request), find_run(request)
    if job is None or run is None or was_completed(request, run):
        return
    clearRequest()  # as the publisher would next
    refuse_ended(request)
    error = sys.exception()
    if error is None or error is run.handled or isinstance(error, Exception):
        return
    refuse_failed(request, job, judge_error(error, job, request), status=500)
