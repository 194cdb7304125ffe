"""What is said of a job that isn't running: a code, its sentence, and what fills it. Pure.

The sentences are English; who speaks to people of other languages translates them by their codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from string import Template

SENTENCES: Mapping[str, str] = {
    "staged": "The request that queued it hasn't finished; if it died, that will be found out.",
    "finishing": "It has done its work, which is being committed to the ZODB.",
    "due_at": "It is due at ${time}, in ${length}.",
    "due_now": "It is due now.",
    "again_at": "Attempt ${attempt} failed (${error}); it is tried again at ${time}, in ${length}.",
    "again_now": "Attempt ${attempt} failed (${error}); it is tried again now.",
    "no_parents": "It waits for other jobs, none of which is known any more: cancel it, and retry "
    "it then if it is to run all the same.",
    "parent_ended": "It waits for job ${parent}, which ${fate}${others}: run that one again, or "
    "cancel this one.",
    "parent_live": "It waits for job ${parent}, which is ${state}${others}.",
    "parent_gone": "It waits for job ${parent}, which is gone${others}: cancel this one, and retry "
    "it then if it is to run all the same.",
    "unknown_queue": "${text}",
    "paused": "Queue ${queue} is paused: `coserver queues resume ${argument}`.",
    "queue_full": "Queue ${queue} lets ${number} run at once, and so many do.",
    "queue_rate": "Queue ${queue} lets ${number} begin in ${length}, and so many have.",
    "nobody_serves": "No consumer serves queue ${queue}: `coserver run --queues ${argument}`.",
    "nobody_knows": "No consumer of queue ${queue} knows task '${task}'; they know ${tasks}.",
    "nobody_able": "No consumer of queue ${queue} is capable of ${requires}.",
    "unavailable": "${text}",
    "limit": "Limit '${limit}' lets ${number} run at once with the key '${key}', and so many do.",
    "turn": "It waits for its turn in queue ${queue}: ${place}, and ${busy}.",
    "running": "It is running on ${consumer} for ${length}, attempt ${attempt}${stops}.",
    "may_expire": "${reason} It expires at ${time}, unless it has begun by then.",
    "overdue": "It expired at ${time}; a consumer that runs ends it as expired within seconds.",
    "ended": "It isn't waiting: it was ${end} at ${time}.",
    "ended_with": "It isn't waiting: it was ${end} at ${time}: ${error}",
    # parts of sentences
    "nothing": "",
    "and_one_other": ", and for 1 other",
    "and_others": ", and for ${number} others",
    "fate_failed": "failed",
    "fate_cancelled": "was cancelled",
    "fate_expired": "has expired",
    "fate_dropped": "was never committed",
    "fate_unknown": "may or may not have been committed",
    "one_before": "1 job is before it",
    "many_before": "${number} jobs are before it",
    "threads_busy": "${busy} of ${threads} threads are busy",
    "all_busy": "all threads are busy",
    "gone_consumer": "a consumer that is gone",
    "asked_to_stop": ", and was asked to stop",
    "asked_to_stop_by": ", and was asked to stop by ${who}",
    "end_completed": "completed",
    "end_failed": "failed",
    "end_cancelled": "cancelled",
    "end_expired": "ended as expired",
    "end_dropped": "dropped",
    "end_unknown": "given up as unknown",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a job isn't running; ``values`` are texts, numbers, and reasons that are parts of it."""

    code: str
    values: Mapping[str, object]

    def __str__(self) -> str:
        """Return the English sentence."""
        return Template(SENTENCES[self.code]).substitute(self.values)


def because(code: str, **values: object) -> Reason:
    """Return the reason with this code of ``SENTENCES``."""
    return Reason(code, values)
