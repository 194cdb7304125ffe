"""The publisher is done with a request's transaction: a job that is queued now would be lost."""

from __future__ import annotations

from zope.component import adapter
from zope.publisher.interfaces import IEndRequestEvent
from ZPublisher.interfaces import IPubBeforeAbort, IPubEnd, IPubEvent

from collective.coserver.datamanager.afterwards import afterwards


@adapter(IPubEvent)
def note_end(event: IPubEvent) -> None:
    """Have jobs refused that come too late.

    This subscribes to every event of the publisher: subscribers of the most general interface are
    called first, and so before anybody who would queue a job in ``IPubSuccess``.
    """
    if IPubEnd.providedBy(event) or IPubBeforeAbort.providedBy(event):
        afterwards.start()
    else:
        afterwards.end()


@adapter(IEndRequestEvent)
def forget_end(event: IEndRequestEvent) -> None:
    """Let the thread's next user queue jobs."""
    afterwards.end()
