"""What Zope's answer means for a job, by the job's task. Pure.

Zope itself asks this when the job's transaction is about to commit, and the consumer when it has
the answer: they must not differ.
"""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from xmlrpc.client import Fault

from coserver_consumer.codec import encode, fit, not_kept
from coserver_consumer.errors import InvalidJob
from coserver_consumer.outcome import Completed, Failed, Outcome
from coserver_consumer.reply import Reply, conclude_zope
from coserver_consumer.xmlrpc_message import read_answer

XML_RPC = "xmlrpc"  # the task
XML = "text/xml"
OFF = "Is XML-RPC on in that Zope? It is off by default: 'enable-xmlrpc on' in zope.conf."


def conclude_answer(
    task: str, reply: Reply, *, request: str, hosts: frozenset[str], limit: int
) -> Outcome:
    """Return what the answer to a job of this task means; see ``conclude_zope``."""
    if task == XML_RPC and reply.status == HTTPStatus.OK:
        return _conclude_xmlrpc(reply, request, limit)
    outcome = conclude_zope(reply, request=request, hosts=hosts, limit=limit)
    if task == XML_RPC and reply.status == HTTPStatus.BAD_REQUEST and isinstance(outcome, Failed):
        return replace(outcome, error=f"{outcome.error}. {OFF}")
    return outcome


def _conclude_xmlrpc(reply: Reply, request: str, limit: int) -> Outcome:
    """Return what was returned, or the fault.

    Where a method raises an error, Zope answers with an error status; a fault comes from a method
    that returned it, and then Zope has committed: so another attempt would do the work twice.
    """
    if reply.is_cut:
        return Completed(result=not_kept(f"the answer has more than {limit} bytes"))
    if not reply.content_type.startswith(XML):
        return Failed(error=f"{request} was not answered in XML-RPC.", retry=False)
    try:
        value = encode(read_answer(reply.body), name="The answer")
    except Fault as fault:
        said = f"fault {fault.faultCode}: {fault.faultString}"
        return Failed(error=f"{request} was answered with {said}", retry=False)
    except (ValueError, InvalidJob) as error:
        return Failed(error=f"The answer to {request} can't be read: {error}", retry=False)
    return Completed(result=fit(value, limit))
