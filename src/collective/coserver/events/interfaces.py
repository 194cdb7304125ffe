"""The events, and the job that each is about. ``collective.coserver.interfaces`` has them too."""

from __future__ import annotations

from zope.interface import Attribute, Interface
from zope.interface.interfaces import IObjectEvent


class IJob(Interface):
    """A job as ``queue.get`` returns it, in the moment of an event."""

    id = Attribute("A UUID as text")
    queue = Attribute("The name of its queue")
    task = Attribute("call, view or xmlrpc")
    args = Attribute("What the task is called with, as JSON")
    title = Attribute("What people read in lists")
    state = Attribute("A coserver_consumer.model.job.State, which is a text")
    attempt = Attribute("Which attempt it is or was; the first is 1, and 0 before it")
    owner = Attribute("The id of the user as whom it runs, None for nobody and for the system")
    site = Attribute("The physical path of its site")
    error = Attribute("Why it has failed, was cancelled or has expired")


class IJobEvent(IObjectEvent):
    """Something happens to a job, which is the event's ``object``, and its ``job``."""

    job = Attribute("An IJob")


class IJobQueued(IJobEvent):
    """A job is part of the current transaction: it is queued if that commits."""


class IJobStarted(IJobEvent):
    """An attempt begins; this is its transaction, as its user and in its site."""


class IJobProgressed(IJobEvent):
    """The job's own code says how far it is; this is its transaction."""

    fraction = Attribute("From 0 to 1")
    text = Attribute("What is being done, or None")


class IJobSucceeded(IJobEvent):
    """The job has done its work, and its transaction is about to commit."""

    result = Attribute("What queue.result will return")


class IJobFailed(IJobEvent):
    """The job has failed for good: no attempt follows by itself."""


class IJobCancelled(IJobEvent):
    """Somebody has cancelled the job, and it has ended."""


class IJobExpired(IJobEvent):
    """No attempt has begun the job by the moment at which it was to expire."""
