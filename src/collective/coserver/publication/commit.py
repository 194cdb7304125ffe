"""The request of a job is about to commit: its commit is the end of the job."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from zope.component import adapter
from ZPublisher.interfaces import IPubBeforeCommit

from collective.coserver.datamanager import join_effect
from collective.coserver.datamanager.effect import Effect
from collective.coserver.publication.annotation import get_job
from collective.coserver.settings import get_settings
from coserver_consumer.answer import conclude_answer
from coserver_consumer.handover import ENDED
from coserver_consumer.job import Job
from coserver_consumer.outcome import Outcome
from coserver_consumer.reply import Reply
from coserver_consumer.verdict import run_mark


@adapter(IPubBeforeCommit)
def end_job(event: IPubBeforeCommit) -> None:
    """Join the end of the job to the transaction, by what the response is at its vote."""
    request = event.request
    job = get_job(request)
    if job is not None:
        join_effect(
            Effect(
                job.key,
                conclude=lambda: conclude(job, request),
                ended=lambda: request.response.setHeader(ENDED, run_mark(*job.key)),
            )
        )


def conclude(job: Job, request: Any) -> Outcome:
    """Return what the response means, as the consumer will understand it."""
    addresses = (request["SERVER_URL"], (job.origin or {}).get("server_url") or "")
    return conclude_answer(
        job.task,
        to_reply(request.response),
        request=job.name,
        hosts=frozenset(filter(None, (urlsplit(address).hostname for address in addresses))),
        limit=get_settings().max_result,
    )


def to_reply(response: Any) -> Reply:
    """Return the response as its receiver sees it; of a stream nothing is read."""
    limit = get_settings().max_result
    body = response.body if isinstance(response.body, bytes) else b""
    return Reply(
        status=response.getStatus(),
        headers={name.lower(): value for name, value in response.headers.items()},
        body=body[:limit],
        is_cut=len(body) > limit,
    )
