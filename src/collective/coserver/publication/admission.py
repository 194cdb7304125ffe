"""A request begins, which may be the run of a job."""

from __future__ import annotations

import logging
from typing import Any

from plone.protect.interfaces import IDisableCSRFProtection
from zope.component import adapter
from zope.interface import alsoProvides, directlyProvidedBy, directlyProvides
from ZPublisher.interfaces import IPubStart

from collective.coserver.identity.request_job import set_job
from collective.coserver.interfaces import IJobRequest
from collective.coserver.publication.freshness import Behind, catch_up
from collective.coserver.publication.inflight import AtWork, OutOfDate
from collective.coserver.publication.moved_content import lead_to_content
from collective.coserver.publication.refusal import Hindered, NotAdmitted, Refused, refuse
from collective.coserver.publication.run import begin_run
from collective.coserver.publication.run_token import find_job
from collective.coserver.services.token import find_token
from coserver_consumer.model.errors import ConfigurationError, StoreError, Unsigned
from coserver_consumer.model.job import Job
from coserver_consumer.model.outcome import Obstacle
from coserver_consumer.protocol.markers import IN_PROCESS

logger = logging.getLogger("collective.coserver")

SCHEME = "coserver"


@adapter(IPubStart)
def admit_job(event: IPubStart) -> None:
    """Let in the request of a consumer that proves to run a job; refuse one that can't prove it.

    A request without a run token passes untouched, unless it comes from a consumer in this very
    process, which has claimed the job and seen its signature. This is before traversal, so that
    views can be registered for the layer.
    """
    request = event.request
    job, token = find_handed_job(request), find_token(request, SCHEME)
    if job is None and token is None:
        return
    try:
        job = job or find_job(token, request)
        let_in(job, request)
    except Unsigned as error:
        refuse(request, NotAdmitted(str(error)))
    except Refused as refusal:
        refuse(request, refusal)
    except (StoreError, ConfigurationError):
        logger.exception("A job's request can't be checked.")
        why = "Zope can't check the job now; its log says why."
        refuse(request, Hindered(503, Obstacle.DATABASE, why))
    set_job(request, job)
    lead_to_content(request, job)
    add_layer(request)


def let_in(job: Job, request: Any) -> None:
    """Have the run begin; raise ``Hindered`` if it can't begin here and now."""
    try:
        catch_up(job)
        begin_run(job, request)
    except Behind as error:
        raise Hindered(503, Obstacle.ZODB, str(error)) from error
    except AtWork as error:
        raise Hindered(503, Obstacle.AT_WORK, str(error)) from error
    except OutOfDate as error:
        raise Hindered(401, Obstacle.LOST, str(error)) from error


def find_handed_job(request: Any) -> Job | None:
    """Return the job that a consumer in this process has put into the WSGI environment.

    What a web server puts there is text, whether it comes from a client or from its settings.
    """
    job = request.environ.get(IN_PROCESS)
    return job if isinstance(job, Job) else None


def add_layer(request: Any) -> None:
    """Give the request the layer of jobs, and let a GET write: no browser sends such a request.

    The layer goes before the others, so that its views win over those for every request.
    """
    directlyProvides(request, IJobRequest, directlyProvidedBy(request))
    alsoProvides(request, IDisableCSRFProtection)
