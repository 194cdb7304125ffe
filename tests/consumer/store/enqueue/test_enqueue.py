"""New jobs, by the client's functions and by plain SQL."""

import shutil
import subprocess
import uuid
from contextlib import suppress

import pytest
import sqlalchemy as sa

from coserver_consumer.errors import InvalidJob
from coserver_consumer.model.job import State, new_id
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.options import JobOptions
from coserver_consumer.store.database.json_text import Malformed
from coserver_consumer.store.schema import tables


def test_an_added_job_is_ready_with_what_was_said(queue):
    """All that a producer says is there again."""
    job_id = queue.put(
        args={"to": "ü@example.com", "n": [1, 2.5, None]},
        payload=b"\0\xff",
        title="Grüße",
        owner="jane",
        site="/Plone",
        origin={"language": "de"},
        requires=("linux", "ffmpeg"),
        timeout=30,
    )
    job = queue.get(job_id)
    assert job.state is State.READY
    assert job.args == {"to": "ü@example.com", "n": [1, 2.5, None]}
    assert (job.payload, job.title, job.owner, job.site) == (b"\0\xff", "Grüße", "jane", "/Plone")
    assert job.origin == {"language": "de"}
    assert job.requires == ("ffmpeg", "linux")
    assert job.timeout == 30


def test_arguments_come_back_exactly_as_they_were(queue):
    """A signature covers the arguments, so no database may change a number or an order."""
    args = {"z": 1e16, "a": -0.0, "big": 2**70, "small": 1e-7, "text": "a\0b\U0001f600"}
    assert repr(queue.get(queue.put(args=args)).args) == repr(args)


def test_ids_come_back_in_the_order_of_the_jobs(queue):
    """add_many keeps the order, also when some jobs have unique keys."""
    jobs = [
        NewJob(task="t", options=JobOptions(unique=f"k{n}" if n % 2 else None)) for n in range(10)
    ]
    assert queue.add_many(jobs) == [job.id for job in jobs]


def test_many_jobs_are_added_at_once(queue):
    """Two thousand jobs in one call are two thousand rows."""
    queue.add_many([NewJob(task="t", args={"n": n}) for n in range(2000)])
    assert queue.counts() == {"default": {State.READY: 2000}}


def test_a_unique_key_is_held_while_its_job_is_live(queue):
    """The second add gives the first one's id; after the job ended the key is free."""
    first = queue.put(unique="feed:42")
    assert queue.put(unique="feed:42") == first
    (job,) = queue.take()
    assert queue.put(unique="feed:42") == first
    queue.cancel(first)
    assert queue.get(first).cancel_at is not None
    queue.unregister(job.consumer)
    assert queue.get(first).state is State.CANCELLED
    assert queue.put(unique="feed:42") != first


def test_two_equal_jobs_are_two_jobs(queue):
    """Nothing but a unique key makes jobs the same."""
    assert queue.put(args={"n": 1}) != queue.put(args={"n": 1})
    assert queue.counts() == {"default": {State.READY: 2}}


def test_a_delayed_job_waits_for_its_time(queue):
    """It is scheduled by the database's clock, and no claim takes it."""
    job = queue.get(queue.put(delay=60))
    assert job.state is State.SCHEDULED
    assert job.run_at - job.created_at == pytest.approx(60_000_000, abs=1_000_000)
    assert queue.take() == []
    assert queue.make_due_ready() == 0


def test_delayed_jobs_may_stand_among_others(queue):
    """Each job of one call keeps its own time."""
    queue.add_many(
        [NewJob(task="t"), NewJob(task="t", options=JobOptions(delay=60)), NewJob(task="t")]
    )
    assert queue.counts() == {"default": {State.READY: 2, State.SCHEDULED: 1}}


def test_a_job_is_woken_when_its_time_has_come(queue):
    """run_at is microseconds since the epoch."""
    job_id = queue.put(delay=60)
    with queue.engine.begin() as connection:
        connection.execute(sa.update(tables.job).values(run_at=10**15))
    assert queue.make_due_ready() == 1
    assert [job.id for job in queue.take()] == [job_id]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"args": {"x": object()}}, "aren't JSON"),
        ({"args": {"x": float("nan")}}, "aren't JSON"),
        ({"payload": b"x" * 2_000_000}, "Pass the path or UID"),
        ({"args": {"x": "y" * 2_000_000}}, "the limit is 1048576"),
        ({"queue": "q" * 200}, "queue has 200 characters"),
        ({"title": "a\0b"}, "NUL"),
        ({"max_attempts": 0}, "max_attempts is 0"),
        ({"timeout": -1}, "timeout is -1"),
        ({"priority": 10_000_000}, "priority is 10000000"),
        ({"task": ""}, "name of a task"),
    ],
)
def test_a_wrong_job_is_refused_with_its_reason(queue, values, message):
    """The message names the value, and nothing is written."""
    with pytest.raises(InvalidJob, match=message):
        queue.put(**values)
    assert queue.counts() == {}


def test_plain_sql_needs_task_and_args_only(queue):
    """Every other column has a default; the id is a UUIDv7 of now, by the database's clock."""
    with queue.engine.begin() as connection:
        for _ in range(3):
            connection.exec_driver_sql(
                "INSERT INTO coserver_job (task, args) VALUES ('t', '{\"to\": \"a\"}')"
            )
    jobs = queue.take(5)
    assert [job.args for job in jobs] == [{"to": "a"}] * 3
    for job in jobs:
        made = uuid.UUID(job.id)
        assert (made.version, made.variant, str(made)) == (7, uuid.RFC_4122, job.id)
        assert abs((made.int >> 80) - job.created_at // 1000) < 2000


def test_the_databases_own_command_line_client_can_queue_a_job(queue):
    """psql, mariadb and sqlite3 need to know nothing of coserver."""
    statement = "INSERT INTO coserver_job (task, args) VALUES ('t', '{\"n\": 1}')"
    subprocess.run(_client(queue.engine.url), input=statement, text=True, check=True)
    (job,) = queue.take()
    assert job.args == {"n": 1}


def _client(url: sa.URL) -> list[str]:
    match url.get_backend_name():
        case "postgresql":
            address = f"postgresql://{url.username}@{url.host}:{url.port}/{url.database}"
            return [_find("psql"), "-v", "ON_ERROR_STOP=1", address]
        case "mysql":
            program = _find("mariadb", "mysql")
            port = str(url.port or 3306)
            return [program, "-h", str(url.host), "-P", port, "-u", str(url.username), url.database]
        case _:
            return [_find("sqlite3"), "-bail", url.database]


def _find(*names: str) -> str:
    """Return the first of the programs there is; it is an error if there is none."""
    found = [path for path in map(shutil.which, names) if path]
    assert found, f"the test needs {' or '.join(names)}: install it from your distribution"
    return found[0]


@pytest.mark.parametrize("args", ["[" * 5000 + "]" * 5000, f'{{"n": {"9" * 5000}}}', "{broken"])
def test_text_that_python_cannot_read_harms_no_other_job(queue, args):
    """Where the database takes it, the row is claimed beside the others, as what it is."""
    queue.put()
    with suppress(sa.exc.DBAPIError), queue.engine.begin() as connection:
        connection.exec_driver_sql(f"INSERT INTO coserver_job (task, args) VALUES ('t', '{args}')")
    first, *others = queue.take(5)
    assert first.args == {}
    assert [(type(job.args), job.args) for job in others] in ([], [(Malformed, args)])
    assert len(queue.find(tasks=["t"])) == 1 + len(others)


def test_bytes_that_are_no_text_harm_no_other_job(queue):
    """SQLite alone takes them, as when a terminal writes Latin-1; they are shown as what they are.

    The arguments aren't JSON then, so that no job runs with half of its text.
    """
    latin = "X'4dfc6c6c6572'"  # a name with an u umlaut
    if queue.engine.dialect.name != "sqlite":
        return
    with queue.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO coserver_job (task, title, args) VALUES ('t', "
            f"CAST({latin} AS TEXT), '{{\"to\": \"' || CAST({latin} AS TEXT) || '\"}}')"
        )
    [job] = queue.take(5)
    assert job.title == r"M\xfcller"
    assert type(job.args) is Malformed


def test_an_id_is_a_uuid_that_sorts_by_time():
    """Ids of one process never go backwards."""
    ids = [new_id() for _ in range(1000)]
    assert sorted(ids) == ids
    assert uuid.UUID(ids[0]).version == 7
