"""The layers of a request, and the events of jobs."""

from zope.interface import Interface

from collective.coserver.events.interfaces import (
    IJob,
    IJobCancelled,
    IJobEvent,
    IJobExpired,
    IJobFailed,
    IJobProgressed,
    IJobQueued,
    IJobStarted,
    IJobSucceeded,
)

__all__ = [
    "ICoserverLayer",
    "IJob",
    "IJobCancelled",
    "IJobEvent",
    "IJobExpired",
    "IJobFailed",
    "IJobProgressed",
    "IJobQueued",
    "IJobRequest",
    "IJobStarted",
    "IJobSucceeded",
]


class IJobRequest(Interface):
    """The request of a consumer that runs a job; register views for it that browsers can't find."""


class ICoserverLayer(Interface):
    """Any request to a site where the add-on is installed."""
