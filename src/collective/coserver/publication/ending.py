"""A job's own code ends its attempt: it raises, and that holds even where code catches it."""

from __future__ import annotations

from typing import Any, NoReturn

import transaction
from transaction.interfaces import ITransaction

from collective.coserver.identity.request_job import find_admitted
from collective.coserver.publication.refusal import Refused, refuse
from coserver_consumer.model.outcome import Cancelled, Failed, Snoozed

ENDED_STATUS = 503


def end_attempt(request: Any, outcome: Failed | Snoozed | Cancelled) -> NoReturn:
    """End the attempt of the request's job here; nothing of it is committed.

    Code that goes on after every error goes on after this one, too. So the ending is noted: it
    holds whatever comes afterwards, and the first one counts.
    """
    admitted = find_admitted(request)
    if admitted is not None and admitted.ending is None:
        admitted.ending = outcome
        _doom(transaction.get())
    refuse_ended(request)
    refuse(request, Refused(ENDED_STATUS, outcome))


def refuse_ended(request: Any) -> None:
    """Raise what ends the attempt, if its code has ended it before."""
    admitted = find_admitted(request)
    if admitted is not None and admitted.ending is not None:
        refuse(request, Refused(ENDED_STATUS, admitted.ending))


def _doom(current: ITransaction) -> None:
    """Let nobody commit the transaction, unless it is about to be: then its vote refuses it."""
    if current.status == "Active":
        current.doom()
