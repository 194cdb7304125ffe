"""What the answer to a job's request means. Pure.

Zope judges its own response when the job's transaction is about to commit, and says what came of
it: by the header ``ENDED`` that the job is completed, in words all else. So its consumer has
nothing to guess: what bears neither wasn't said by a Zope that runs jobs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit
from xmlrpc.client import Fault

from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.model.indoubt import run_mark
from coserver_consumer.model.job import Job
from coserver_consumer.model.outcome import Completed, Failed, NotTried, Obstacle, Outcome
from coserver_consumer.protocol.codec import encode, fit, not_kept
from coserver_consumer.protocol.markers import ENDED
from coserver_consumer.protocol.outcome_message import MEDIA_TYPE, load_outcome
from coserver_consumer.protocol.reply import REDIRECTS, Reply, conclude_reply, make_result
from coserver_consumer.protocol.xmlrpc_message import read_answer

CALL = "call"  # a task
XML_RPC = "xmlrpc"  # a task
XML = "text/xml"
OFF = "Is XML-RPC on in that Zope? It is off by default: 'enable-xmlrpc on' in zope.conf."
LOGIN_FORMS = frozenset(
    {"require_login", "login", "login_form", "failsafe_login", "failsafe_login_form"}
)
NOT_ALLOWED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
# A web server refuses these requests by itself, and would do so again: RFC 9110, RFC 6585 (431).
UNREADABLE = frozenset({400, 413, 414, 431})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A job's request, as far as its answer is judged by it.

    ``name`` is what people call it, ``owner`` as whom it ran. ``hosts`` are the names of the site,
    so that a redirect away from it is told from one that ends a form. ``limit`` is the size of a
    result as JSON.
    """

    task: str
    name: str
    owner: str
    hosts: frozenset[str]
    limit: int


def describe(job: Job, *, addresses: Iterable[str], limit: int) -> Asked:
    """Return the request of a job to a Zope that is known by these addresses."""
    origin: dict[str, Any] = job.origin or {}
    known = (*addresses, origin.get("server_url") or "")
    return Asked(
        task=job.task,
        name=name_request(job),
        owner=name_owner(job),
        hosts=frozenset(filter(None, (urlsplit(address).hostname for address in known))),
        limit=limit,
    )


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


def judge(asked: Asked, reply: Reply) -> Completed | Failed:
    """Return what Zope's response means, once the transaction commits that made it.

    That a function has returned is told apart from its response: see ``judge_call``.
    """
    if asked.task == XML_RPC and reply.status == HTTPStatus.OK:
        return _judge_xmlrpc(asked, reply)
    if reply.status in REDIRECTS:
        return _judge_redirect(asked, reply)
    outcome = conclude_reply(reply, request=asked.name, limit=asked.limit)
    if isinstance(outcome, Completed):
        return outcome
    return replace(outcome, error=outcome.error + _add_advice(asked, reply))


def judge_call(asked: Asked, returned: Completed | None) -> Completed | Failed:
    """Return what it means that a request to call a function ends well.

    Whatever its response is: views that the function called may have had their way with it.
    """
    if returned is not None:
        return returned
    return Failed(error=f"{asked.name} wasn't called: another view answered.", retry=False)


def understand(job: Job, reply: Reply) -> Outcome:
    """Return what an answer tells the consumer that had the job run.

    The job is completed only if Zope says that its transaction has ended this run.
    """
    if reply.headers.get(ENDED.lower()) == run_mark(*job.key):
        return Completed(is_written=True)
    if not reply.content_type.startswith(MEDIA_TYPE):
        return _judge_foreign(job, reply)
    told = load_outcome(reply.body)
    if told is None or isinstance(told, Completed):
        said = f"{name_request(job)} was answered {reply.status}, and in words that mean nothing"
        return Failed(error=f"{said}: were they cut? Zope's log may say more.")
    return told


def _judge_foreign(job: Job, reply: Reply) -> Outcome:
    """Return what an answer means that no Zope with the add-on gave to this job."""
    failed = conclude_reply(reply, request=name_request(job), limit=0)
    if isinstance(failed, Failed) and (failed.retry or reply.status in UNREADABLE):
        return failed
    location = reply.headers.get("location")
    said = f"{reply.status} and sent to {location}" if location else f"{reply.status}"
    return NotTried(
        obstacle=Obstacle.FOREIGN,
        reason=f"{name_request(job)} was answered {said}, but not by a Zope that ran the job: "
        "does zope_url lead to a Zope with collective.coserver, and past any proxy?",
    )


def _add_advice(asked: Asked, reply: Reply) -> str:
    """Return what is added to the error of an answer with this status."""
    if reply.status in NOT_ALLOWED:
        return f" (as {asked.owner})"
    if reply.status == HTTPStatus.BAD_REQUEST and asked.task == XML_RPC:
        return f". {OFF}"
    return ""


def _judge_redirect(asked: Asked, reply: Reply) -> Completed | Failed:
    """Return what a redirect means: views end with one after they have done their work."""
    location = urlsplit(reply.headers.get("location", ""))
    if location.path.rstrip("/").rpartition("/")[2].removeprefix("@@") in LOGIN_FORMS:
        said = f"{asked.name} isn't allowed for {asked.owner}, who was sent to the login form"
        return Failed(error=f"{said} {location.path}.", retry=False)
    if location.hostname and location.hostname not in asked.hosts:
        error = f"{asked.name} was sent to another site, {location.hostname}."
        return Failed(error=error, retry=False)
    return Completed(result=make_result(reply, limit=asked.limit))


def _judge_xmlrpc(asked: Asked, reply: Reply) -> Completed | Failed:
    """Return what was returned, or the fault.

    Where a method raises an error, Zope answers with an error status; a fault comes from a method
    that returned it, and then Zope has committed: so another attempt would do the work twice.
    """
    if reply.is_cut:
        return Completed(result=not_kept(f"the answer has more than {asked.limit} bytes"))
    if not reply.content_type.startswith(XML):
        return Failed(error=f"{asked.name} was not answered in XML-RPC.", retry=False)
    try:
        value = encode(read_answer(reply.body), name="The answer")
    except Fault as fault:
        said = f"fault {fault.faultCode}: {fault.faultString}"
        return Failed(error=f"{asked.name} was answered with {said}", retry=False)
    except (ValueError, InvalidJob) as error:
        return Failed(error=f"The answer to {asked.name} can't be read: {error}", retry=False)
    return Completed(result=fit(value, asked.limit))
