"""What the answer to a job's request means.

``judge`` is Zope's word on its own response, as the job's transaction is about to commit. What it
comes to goes into the answer: a wire marker if the commit completes the job, an outcome message for
all else. The consumer reads it there (``read_answer``).

An answer without either comes from a load balancer, from another server than Zope, or from a Zope
that broke down. The consumer then asks Zope what it knows of the run, and ``judge_unmarked`` judges
the answer by that.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from http import HTTPStatus
from typing import Any, assert_never
from urllib.parse import urlsplit
from xmlrpc.client import Fault

from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.model.indoubt import run_mark
from coserver_consumer.model.job import Job
from coserver_consumer.model.outcome import Completed, Failed, NotTried, Obstacle, Outcome
from coserver_consumer.protocol.codec import cap_result, encode, not_kept
from coserver_consumer.protocol.markers import COMPLETED_RUN
from coserver_consumer.protocol.outcome_message import MEDIA_TYPE, load_outcome
from coserver_consumer.protocol.reply import REDIRECTS, Reply, judge_status, make_result
from coserver_consumer.protocol.run_state import RunState
from coserver_consumer.protocol.xmlrpc_message import read_answer as read_xmlrpc_answer

CALL = "call"  # a task
XML_RPC = "xmlrpc"  # a task
XML = "text/xml"
OFF = "Is XML-RPC on in that Zope? It is off by default: 'enable-xmlrpc on' in zope.conf."
NO_SITE = "was it moved or deleted, or is the path wrong that the job's key was made with?"
LOGIN_FORMS = frozenset(
    {"require_login", "login", "login_form", "failsafe_login", "failsafe_login_form"}
)
NOT_ALLOWED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
# A web server refuses these requests by itself, and would do so again: RFC 9110, RFC 6585 (431).
UNREADABLE = frozenset({400, 413, 414, 431})
# So says a server in front of Zope that gets no answer from it, and a Zope that can't run jobs.
BUSY = frozenset(
    {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}
)
# Somebody else does it, elsewhere; a form ends with one of the other redirects.
SENT_ON = frozenset(
    {
        HTTPStatus.MOVED_PERMANENTLY,
        HTTPStatus.TEMPORARY_REDIRECT,
        HTTPStatus.PERMANENT_REDIRECT,
    }
)
DONE = Completed(is_written=True)
NEVER_CAME = NotTried(obstacle=Obstacle.FOREIGN, reason="Its request never came to be run by Zope.")


def name_request(job: Job) -> str:
    """Return a job's request as people know it, without what nobody should read in a log."""
    args: dict[str, Any] = job.args
    if job.task == CALL:
        return f"Function {args.get('function') or job.name}"
    method = "POST" if job.task == XML_RPC else str(args.get("method") or "GET").upper()
    return f"{method} {str(args.get('path')).partition('?')[0]}"


def name_owner(job: Job) -> str:
    """Return as whom a job runs, with the user folder that knows the user."""
    if job.owner is None:
        return "Anonymous"
    origin: dict[str, Any] = job.origin or {}
    return f"'{job.owner}' of {origin.get('user_folder')}"


def find_site_hosts(job: Job, addresses: Iterable[str]) -> frozenset[str]:
    """Return the hosts of the job's site: of these addresses, and of the one it was queued at.

    So a redirect that ends a form is told from one away from the site.
    """
    origin: dict[str, Any] = job.origin or {}
    known = (*addresses, origin.get("server_url") or "")
    return frozenset(filter(None, (urlsplit(address).hostname for address in known)))


def judge(job: Job, reply: Reply, *, site_hosts: frozenset[str], limit: int) -> Completed | Failed:
    """Return what a response of Zope means, once the transaction commits that made it.

    ``limit`` is the size of the result as JSON. For the call of a function see ``judge_call``.
    """
    if job.task == XML_RPC and reply.status == HTTPStatus.OK:
        return _judge_xmlrpc(job, reply, limit)
    if reply.status in REDIRECTS:
        return _judge_redirect(job, reply, site_hosts, limit)
    outcome = judge_status(reply, name=name_request(job), limit=limit)
    if isinstance(outcome, Completed):
        return outcome
    return replace(outcome, error=outcome.error + _add_advice(job, reply))


def judge_call(job: Job, returned: Completed | None) -> Completed | Failed:
    """Return what it means that a request to call a function ends well.

    Whatever its response is: views that the function called may have had their way with it.
    """
    if returned is not None:
        return returned
    name = name_request(job)
    return Failed(error=f"{name} wasn't called: another view answered.", retry=False)


def read_answer(job: Job, reply: Reply) -> Outcome | None:
    """Return what Zope says in its answer of the job's run, None if the answer doesn't say it.

    The job is completed only if Zope says that its transaction has ended this very run.
    """
    if reply.headers.get(COMPLETED_RUN.lower()) == run_mark(*job.key):
        return DONE
    if not reply.content_type.startswith(MEDIA_TYPE):
        return None
    outcome = load_outcome(reply.body)
    if outcome is not None and not isinstance(outcome, Completed):
        return outcome
    return Failed(
        error=f"{name_request(job)} was answered {reply.status} and with a message that can't be "
        "read: was it cut? Zope's log may say more."
    )


def judge_unmarked(
    job: Job, reply: Reply, state: RunState, *, site_hosts: frozenset[str]
) -> Outcome:
    """Return what an answer means that doesn't say it itself, by what Zope knows of the run.

    A run that was begun is an attempt: it is completed by its own commit only.
    """
    match state:
        case RunState.COMPLETED:
            return DONE
        case RunState.ENDED | RunState.AT_WORK:
            return _judge_begun(job, reply, site_hosts)
        case RunState.EARLIER | RunState.UNKNOWN:
            return _judge_stray(job, reply)
        case _:
            assert_never(state)


def _judge_begun(job: Job, reply: Reply, site_hosts: frozenset[str]) -> Failed:
    outcome = judge(job, reply, site_hosts=site_hosts, limit=0)  # no result is kept
    if isinstance(outcome, Failed):
        return outcome
    return Failed(
        error=f"{name_request(job)} was answered {reply.status}, but Zope, which ran the job, "
        "hasn't completed it: does a proxy answer in Zope's place? Zope's log may say more."
    )


def _judge_stray(job: Job, reply: Reply) -> Failed | NotTried:
    """Return what it means that somebody has answered, and no Zope has run the job."""
    if reply.status in BUSY:
        return NEVER_CAME
    outcome = judge_status(reply, name=name_request(job), limit=0)  # no result is kept
    if isinstance(outcome, Failed) and (outcome.retry or reply.status in UNREADABLE):
        return outcome
    location = reply.headers.get("location")
    said = f"{reply.status} and sent to {location}" if location else f"{reply.status}"
    return NotTried(
        obstacle=Obstacle.FOREIGN,
        reason=f"{name_request(job)} was answered {said}, but not by a Zope that ran the job: "
        "does zope_url lead to a Zope with collective.coserver, and past any proxy?",
    )


def _add_advice(job: Job, reply: Reply) -> str:
    """Return what is added to the error of an answer with this status."""
    if reply.status in NOT_ALLOWED:
        return f" (as {name_owner(job)})"
    if reply.status == HTTPStatus.BAD_REQUEST and job.task == XML_RPC:
        return f". {OFF}"
    if reply.status == HTTPStatus.NOT_FOUND and job.task == CALL:  # no function has been called
        return f". No site is at {job.site}: {NO_SITE}"
    return ""


def _judge_redirect(
    job: Job, reply: Reply, site_hosts: frozenset[str], limit: int
) -> Completed | Failed:
    """Return what a redirect means: views end with one after they have done their work.

    By 301, 307 and 308 (RFC 9110, 15.4) they say that somebody else does it, elsewhere.
    """
    name, location = name_request(job), urlsplit(reply.headers.get("location", ""))
    if location.path.rstrip("/").rpartition("/")[2].removeprefix("@@") in LOGIN_FORMS:
        error = f"{name} isn't allowed for {name_owner(job)}, who was sent to the login form"
        return Failed(error=f"{error} {location.path}.", retry=False)
    if location.hostname and location.hostname not in site_hosts:
        error = f"{name} was sent to another site, {location.hostname}."
        return Failed(error=error, retry=False)
    if reply.status in SENT_ON:
        error = f"{name} was sent on to {location.path} ({reply.status}), where nothing was run"
        return Failed(error=f"{error}: queue the job for what is there.", retry=False)
    return Completed(result=make_result(reply, limit=limit))


def _judge_xmlrpc(job: Job, reply: Reply, limit: int) -> Completed | Failed:
    """Return what was returned, or the fault.

    Where a method raises an error, Zope answers with an error status; a fault comes from a method
    that returned it, and then Zope has committed: so another attempt would do the work twice.
    """
    name = name_request(job)
    if reply.is_cut:
        return Completed(result=not_kept(f"the answer has more than {limit} bytes"))
    if not reply.content_type.startswith(XML):
        return Failed(error=f"{name} was not answered in XML-RPC.", retry=False)
    try:
        value = encode(read_xmlrpc_answer(reply.body), name="The answer")
    except Fault as fault:
        error = f"{name} was answered with fault {fault.faultCode}: {fault.faultString}"
        return Failed(error=error, retry=False)
    except (ValueError, InvalidJob) as error:
        return Failed(error=f"The answer to {name} can't be read: {error}", retry=False)
    return Completed(result=cap_result(value, limit))
