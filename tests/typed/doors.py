"""What type checkers know of the public doors. mypy reads it in ``make check``; it is never run.

A line with ``type: ignore`` is a mistake that they must find: mypy reports one that isn't needed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, assert_type

from collective.coserver import current_job, queue, task
from coserver_consumer import Client
from coserver_consumer.errors import CoserverError, InvalidJob
from coserver_consumer.model.job import Job, State
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.workflow import Group
from coserver_consumer.producer.bulk import Changes, Refusal
from coserver_consumer.retry import Backoff, RetryPolicy


def use_client(client: Client) -> None:
    """Queue, look and wait from a program."""
    assert_type(client.add("mail.send", {"to": "a"}, delay=60, max_attempts=None), str)
    assert_type(client.add("mail.send", eta=datetime.now(UTC), timeout=timedelta(hours=1)), str)
    assert_type(client.add("mail.send", expires=datetime.now(UTC)), str)
    assert_type(client.add_many("thumb", [{}], expires=timedelta(hours=1)), list[str])
    assert_type(client.add_many("thumb", [{"n": 1}], requires=("x",), payload=b""), list[str])
    assert_type(client.job("thumb", unique="a", unique_for=0, limit="b"), NewJob)
    assert_type(client.add("mail.send", on_success=client.job("x"), on_failure=None), str)
    assert_type(client.chain([client.job("thumb")], accepts_failure=True), list[str])
    assert_type(client.group([client.job("thumb")], on_failure=None), Group)
    assert_type(client.get("id"), Job)
    assert_type(client.cancel("id"), State)
    assert_type(client.wait("id").max_attempts, int | None)
    assert_type(client.result("id"), Any)
    assert_type(client.find(states=State.FAILED, queues="mail", since=3600, limit=9), list[Job])
    assert_type(client.count(tasks=["a", "b"], ended_since=timedelta(days=1)), int)
    assert_type(client.cancel_many(queues=["mail"], kill=True), Changes)
    assert_type(client.cancel_many(ids=client.group([client.job("a")])), Changes)
    assert_type(client.move_many("slow", all=True).refused, tuple[Refusal, ...])
    assert_type(client.set_priority_many(5, owner="jane").changed, int)
    assert_type(client.run_until_empty(tasks="a", max_attempts=1), dict[State, int])
    assert_type(client.wait_many(client.group([client.job("a")]), 60), list[Job])


def mistake_client(client: Client) -> None:
    """Misspell an option, and give values of other types."""
    client.add("x", prioritty=1)  # type: ignore[call-arg]
    client.add("x", priority="1")  # type: ignore[arg-type]
    client.add_many("x", [{}], eta="2030-01-01")  # type: ignore[arg-type]
    client.add("x", expires="10m")  # type: ignore[arg-type]
    client.job("x", requires=5)  # type: ignore[arg-type]
    client.job("x", on_success="y")  # type: ignore[arg-type]
    client.find(queue="mail")  # type: ignore[call-arg]
    client.cancel_many(since="yesterday")  # type: ignore[arg-type]


@task
def plain(number: int, *, text: str = "") -> float:
    """A task without options."""
    return number + len(text)


@task(queue="video", max_attempts=3, timeout=timedelta(hours=1), run_as="system", backoff=(5, 60))
def encode(preset: str) -> bytes:
    """A task with options."""
    return preset.encode()


def use_tasks() -> None:
    """Call and queue functions."""
    assert_type(plain(1, text="a"), float)
    assert_type(plain.delay(1, text="a"), str)
    assert_type(encode("720p"), bytes)
    assert_type(encode.delay("720p"), str)
    assert_type(encode.options(delay=60, run_as=None).delay("720p"), str)
    assert_type(encode.options(max_attempts=5).job(preset="720p"), NewJob)
    assert_type(encode.name, str)


def mistake_tasks() -> None:
    """Queue calls that the functions don't take, and say what is no option."""
    plain.delay("one")  # type: ignore[arg-type]
    plain.delay(1, "a")  # type: ignore[call-arg]
    encode.options(delay=60).delay()  # type: ignore[call-arg]
    encode.options(dellay=60)  # type: ignore[call-arg]
    task(max_attempts="3")  # type: ignore[call-overload]


def use_queue(context: Any) -> None:
    """Queue requests."""
    assert_type(queue.add(context, view="@@v", eta=datetime.now(UTC), max_attempts=None), str)
    assert_type(queue.add("/Plone", "POST", {"a": "b"}, None, b"", "mail", priority=3), str)
    assert_type(queue.add_xmlrpc(context, "method", [1], queue="mail", after=["id"]), str)
    assert_type(queue.job(context, payload=queue.CURRENT), NewJob)
    assert_type(queue.chain([queue.job(context), plain.job(1)]), list[str])
    assert_type(queue.group([queue.job(context)], on_success=plain.job(1)), Group)
    assert_type(queue.get("id"), Job)
    assert_type(queue.find(queues="mail", site=queue.EVERY_SITE), list[Job])
    assert_type(queue.move_many("slow", states=["ready"]), Changes)
    assert_type(queue.run_until_empty(queues=["a"], scheduled=True, timeout=9), dict[State, int])
    assert_type(queue.wait("id", timedelta(minutes=1)), Job)
    queue.wait("id")  # type: ignore[call-arg]
    queue.add(context, prio=1)  # type: ignore[call-arg]
    queue.add(context, delay="1")  # type: ignore[arg-type]


def use_current_job() -> None:
    """Speak with the job that runs."""
    assert_type(current_job.attempt, int)
    current_job.progress(0.5, "half of it")
    current_job.progress("half")  # type: ignore[arg-type]


def use_errors_and_policies(error: CoserverError) -> None:
    """Tell errors apart, and make policies."""
    if isinstance(error, InvalidJob):
        raise error
    assert_type(
        RetryPolicy(max_attempts=3, backoff=Backoff(base=5), on=(OSError, "a.B")), RetryPolicy
    )
    handler: Callable[[BaseException], bool] = RetryPolicy().allows
    assert_type(handler(OSError()), bool)
