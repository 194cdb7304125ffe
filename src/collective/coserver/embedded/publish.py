"""A job's request, published by a Zope of this process in the thread that asks for it."""

from __future__ import annotations

from collective.coserver.publication.inflight import runs
from coserver_consumer.model.job import Job
from coserver_consumer.model.outcome import NotTried, Obstacle, Outcome
from coserver_consumer.protocol.answer import find_site_hosts, judge_unmarked, read_answer
from coserver_consumer.protocol.markers import IN_PROCESS
from coserver_consumer.protocol.reply import Reply
from coserver_consumer.protocol.request import Request
from coserver_consumer.protocol.run_state import RunState
from coserver_consumer.protocol.wsgi import Application, ask, make_environ

UNREADABLE = NotTried(obstacle=Obstacle.ZODB, reason="The ZODB can't be read; Zope's log says why.")


def publish(
    application: Application, job: Job, request: Request, *, server_url: str, max_body: int
) -> Outcome:
    """Have Zope run the job, by this request; return how the attempt has ended.

    Zope is handed the job as it was claimed, whatever its request looks like. ``server_url`` is the
    address at which the request says that it has reached Zope.
    """
    environ = make_environ(request, server_url=server_url) | {IN_PROCESS: job}
    reply = ask(application, environ, max_body=max_body)
    outcome = read_answer(job, reply)
    return _judge_unmarked(job, reply, server_url) if outcome is None else outcome


def _judge_unmarked(job: Job, reply: Reply, server_url: str) -> Outcome:
    """Return what an answer means that doesn't say it itself.

    If Zope didn't even begin the run, its ZODB couldn't be read: no server stands before Zope here.
    """
    state = runs.state(job.key)
    if state in (RunState.UNKNOWN, RunState.EARLIER):
        return UNREADABLE
    return judge_unmarked(job, reply, state, site_hosts=find_site_hosts(job, [server_url]))
