"""What add-ons wrote for plone.app.async and collective.celery, written for this queue.

Each of ``KINDS`` queues jobs as a request of such an add-on did.
"""

import json
from typing import Any
from uuid import uuid4

import transaction
from persistent.list import PersistentList
from plone import api
from plone.protect.interfaces import IDisableCSRFProtection
from Products.Five import BrowserView
from zope.interface import alsoProvides

from collective.coserver import current_job, queue, task
from coserver_acceptance.gates import stand_at

Said = dict[str, Any]


class QueueAsBefore(BrowserView):
    """Queues what ``kind`` says, in the transaction of a change of this object."""

    def __call__(self) -> str:
        """Answer as JSON with what the kind returns: ids of jobs."""
        alsoProvides(self.request, IDisableCSRFProtection)
        form = self.request.form
        name, line = form["name"], form["queue"]
        return json.dumps(KINDS[form["kind"]](self.context, name, line))


class Remembered(BrowserView):
    """What jobs have written down under a name."""

    def __call__(self) -> str:
        """Answer with the list as JSON."""
        return json.dumps(list(find_notes(self.context, self.request.form["name"])))


class ReviewState(BrowserView):
    """How far a document of this folder has come in its workflow, and who made it."""

    def __call__(self) -> str:
        """Answer with both as JSON."""
        document = self.context[self.request.form["name"]]
        return json.dumps([api.content.get_state(document), document.Creator()])


def find_notes(context: Any, name: str) -> list[Any]:
    """Return what was written down under the name."""
    return getattr(context, f"notes_{name}", [])


def write_down(context: Any, name: str, note: Any) -> None:
    """Add a note; whoever commits at the same time meets a conflict."""
    if not hasattr(context, f"notes_{name}"):
        setattr(context, f"notes_{name}", PersistentList())
    find_notes(context, name).append(note)


# Functions


@task
def add_numbers(context: Any, first: int, second: int) -> int:
    """Return the sum."""
    return first + second


@task
def create_document(folder: Any, name: str) -> str:
    """Make a document; return its id."""
    return api.content.create(folder, "Document", id=name).getId()


@task
def submit_document(folder: Any, name: str) -> str:
    """Submit a document of the folder."""
    api.content.transition(folder[name], "submit")
    return "workflow_change"


@task
def create_and_submit(folder: Any, name: str) -> str:
    """Make a document, and queue its submission; return the id of that job."""
    create_document(folder, name)
    return submit_document.options(queue=current_job.queue).delay(folder, name)


@task
def count_found(context: Any, name: str) -> int:
    """Return how many documents of that id the user finds."""
    return len(api.content.find(getId=name))


@task
def note(context: Any, name: str, text: str) -> str:
    """Write a text down."""
    write_down(context, name, text)
    return text


@task
def note_at_gate(context: Any, name: str, text: str) -> str:
    """Stand at the gate of that text, then write it down."""
    stand_at(text)
    write_down(context, name, text)
    return text


@task(max_attempts=3)
def doom(context: Any, name: str) -> None:
    """Write something down, and never let it be committed."""
    write_down(context, name, "doomed")
    transaction.doom()


@task(max_attempts=1)
def fail(context: Any, name: str) -> None:
    """Fail."""
    write_down(context, name, "failed")
    raise RuntimeError("FooBar")


@task
def note_outcomes(context: Any, name: str) -> None:
    """Write down what has become of the jobs that this one follows; fail at the first attempt."""
    for each in current_job.followed:
        write_down(context, name, [each.state, each.result, each.error])
    if current_job.attempt == 1:
        raise RuntimeError("This attempt was meant to fail.")


@task
def say_arguments(context: Any, nested: Said) -> str:
    """Return where the objects within a mapping are, by keyword and in a list."""
    paths = ["/".join(each.getPhysicalPath()) for each in nested["documents"]]
    return f"{nested['title']}: {', '.join(paths)}"


@task(run_as="system")
def publish_as_system(folder: Any, name: str) -> str:
    """Publish what the user may not."""
    api.content.transition(folder[name], "publish")
    return api.content.get_state(folder[name])


# What requests queue


def queue_sum(context: Any, name: str, line: str) -> Said:
    """Queue a computation, and read its state before the commit."""
    job_id = add_numbers.options(queue=line).delay(context, 40, 2)
    return {"job": job_id, "state": queue.get(job_id).state}


def queue_serial(context: Any, name: str, line: str) -> list[str]:
    """Queue what makes a document, and behind it what submits it."""
    return queue.chain(
        [
            create_document.options(queue=line).job(context, name),
            submit_document.options(queue=line).job(context, name),
        ]
    )


def queue_nested(context: Any, name: str, line: str) -> str:
    """Queue a job that queues another one."""
    return create_and_submit.options(queue=line).delay(context, name)


def queue_parallel(context: Any, name: str, line: str) -> list[str]:
    """Queue three notes that meet: none gets through its gate before all have come."""
    texts = [f"{name}_{number}" for number in range(3)]
    made = queue.group(
        [note_at_gate.options(queue=line).job(context, name, text) for text in texts]
    )
    return [job.id for job in made.jobs]


def queue_quota(context: Any, name: str, line: str) -> list[str]:
    """Queue three notes of which one is made at a time: the default quota of plone.app.async."""
    call = note.options(queue=line, limit=f"quota-{name}")
    return [call.delay(context, name, text) for text in ("first", "second", "third")]


def queue_conflicting(context: Any, name: str, line: str) -> list[str]:
    """Queue notes that all change the same list at once."""
    call = note.options(queue=line)
    return [call.delay(context, name, str(number)) for number in range(12)]


def queue_doomed(context: Any, name: str, line: str) -> str:
    """Queue what is never committed."""
    return doom.options(queue=line).delay(context, name)


def queue_delayed(context: Any, name: str, line: str) -> str:
    """Queue a note that isn't begun for two seconds."""
    return note.options(queue=line, delay=2).delay(context, name, "late")


def queue_callbacks(context: Any, name: str, line: str) -> list[str]:
    """Queue a job that is completed and one that fails, each with what follows either end.

    The last id is that of the job which waits for the failed one to be completed.
    """
    follow, never = note_outcomes.options(queue=line), note.options(queue=line)
    blocked = never.job(context, f"{name}_failure", "never")
    return [
        add_numbers.options(
            queue=line,
            on_success=follow.job(context, f"{name}_sum"),
            on_failure=never.job(context, f"{name}_sum", "never"),
        ).delay(context, 40, 2),
        fail.options(
            queue=line,
            on_success=blocked,
            on_failure=follow.job(context, f"{name}_failure"),
        ).delay(context, name),
        blocked.id,
    ]


def queue_stuck(context: Any, name: str, line: str) -> str:
    """Queue what stands at a gate and doesn't look whether it is cancelled."""
    return note_at_gate.options(queue=line).delay(context, name, name)


def queue_expiring(context: Any, name: str, line: str) -> list[str]:
    """Queue what stands at a gate, and behind it what may be begun within a second only."""
    said = {"queue": line, "limit": f"expiring-{name}"}
    return [
        note_at_gate.options(**said).delay(context, name, name),
        note.options(**said, expires=1).delay(context, name, "too late"),
    ]


def queue_search(context: Any, name: str, line: str) -> str:
    """Queue a search for a document."""
    return count_found.options(queue=line).delay(api.portal.get(), name)


def queue_objects(context: Any, name: str, line: str) -> str:
    """Queue a call with objects within its arguments."""
    made = [api.content.create(context, "Document", id=f"{name}-{each}") for each in "ab"]
    return say_arguments.options(queue=line).delay(
        context, nested={"title": name, "documents": made}
    )


def queue_publication(context: Any, name: str, line: str) -> str:
    """Make a document and have the system publish it."""
    api.content.create(context, "Document", id=name)
    return publish_as_system.options(queue=line).delay(context, name)


def queue_twice(context: Any, name: str, line: str) -> list[str]:
    """Queue the same call twice; collective.celery sent one."""
    call = note.options(queue=line)
    return [call.delay(context, name, "same"), call.delay(context, name, "same")]


def queue_with_options(context: Any, name: str, line: str) -> Said:
    """Queue with an id of one's own and what else apply_async took."""
    wanted = str(uuid4())
    call = note.options(id=wanted, queue=line, delay=0.5, priority=3, max_attempts=2, title=name)
    return {"wanted": wanted, "given": call.delay(context, name, "said")}


def queue_then_abort(context: Any, name: str, line: str) -> str:
    """Queue a note, and abort."""
    job_id = note.options(queue=line).delay(context, name, "aborted")
    transaction.abort()
    return job_id


def _list(*functions: Any) -> dict[str, Any]:
    return {function.__name__.removeprefix("queue_"): function for function in functions}


KINDS = _list(
    queue_sum,
    queue_serial,
    queue_nested,
    queue_parallel,
    queue_quota,
    queue_conflicting,
    queue_doomed,
    queue_delayed,
    queue_callbacks,
    queue_stuck,
    queue_expiring,
    queue_search,
    queue_objects,
    queue_publication,
    queue_twice,
    queue_with_options,
    queue_then_abort,
)
