"""What a job's states are called, and how they look."""

from __future__ import annotations

from zope.i18nmessageid import Message

from collective.coserver.i18n import _
from coserver_consumer.model.job import State

TITLES: dict[State, Message] = {
    State.STAGED: _("state_staged", default="Staged"),
    State.SCHEDULED: _("state_scheduled", default="Scheduled"),
    State.READY: _("state_ready", default="Ready"),
    State.BLOCKED: _("state_blocked", default="Blocked"),
    State.RUNNING: _("state_running", default="Running"),
    State.FINISHING: _("state_finishing", default="Finishing"),
    State.COMPLETED: _("state_completed", default="Completed"),
    State.FAILED: _("state_failed", default="Failed"),
    State.CANCELLED: _("state_cancelled", default="Cancelled"),
    State.DROPPED: _("state_dropped", default="Dropped"),
    State.UNKNOWN: _("state_unknown", default="Unknown"),
}

# Bootstrap's colours, all others are grey; the title says the same without colour.
COLOURS = {
    State.RUNNING: "primary",
    State.FINISHING: "primary",
    State.COMPLETED: "success",
    State.FAILED: "danger",
    State.UNKNOWN: "danger",
}
