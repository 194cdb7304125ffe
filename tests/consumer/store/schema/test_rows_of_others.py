"""What the database refuses of other programs' rows, and how it says so."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from coserver_consumer.model.job import State
from coserver_consumer.model.options import MAX_TIMEOUT_S
from coserver_consumer.store.database.family import find_family

KINDS = {"postgresql": 0, "mysql": 1, "sqlite": 2}
TYPES = "invalid input syntax for type"


@pytest.fixture
def refusal(queue):
    """Run a statement that must be refused, and return the database's own words."""

    def run(statement: str) -> str:
        with pytest.raises(sa.exc.DBAPIError) as caught, queue.engine.begin() as connection:
            connection.exec_driver_sql(statement)
        return str(caught.value.orig)

    return run


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("run_at", "'2030-01-01T00:00:00Z'", (f"{TYPES} bigint", "'run_at'", "be an integer")),
        ("run_at", "1893456000", ("in_microseconds", "in_microseconds", "be in microseconds")),
        ("run_at", "1893456000000", ("in_microseconds", "in_microseconds", "be in microseconds")),
        ("expires_at", "'soon'", (f"{TYPES} bigint", "`expires_at`", "be an integer")),
        ("expires_at", "1893456000", ("in_microseconds", "in_microseconds", "be in microseconds")),
        ("created_at", "1", ("in_microseconds", "in_microseconds", "be in microseconds")),
        ("priority", "'high'", (f"{TYPES} bigint", "`priority`", "be an integer")),
        ("priority", "2000000", ("within_a_million", "within_a_million", "from -1000000")),
        ("max_attempts", "-1", ("from_1", "from_1", "be 1 or more")),
        ("max_attempts", "'many'", (f"{TYPES} integer", "`max_attempts`", "be an integer")),
        ("timeout", "'long'", (f"{TYPES} double", "`timeout`", "be a number")),
        ("timeout", "0", ("above_0", "above_0", "more than 0")),
        ("timeout", "1e300", ("above_0", "above_0", "more than 0")),
        ("attempt", "2147483647", ("from_0", "from_0", "be 0 or more")),
        ("state", "'waiting'", ("state_is_live", "state_is_live", "be one of staged, scheduled")),
        ("state", "'completed'", ("state_is_live", "state_is_live", "be one of staged")),
        ("state", "'running'", ("needs_consumer", "needs_consumer", "be ready or scheduled")),
        ("progress", "'half'", (f"{TYPES} double", "`progress`", "be a number")),
        ("started_at", "'now'", (f"{TYPES} bigint", "`started_at`", "be an integer")),
        ("state", "'finishing'", ("needs_consumer", "needs_consumer", "be ready or scheduled")),
        ("state", "'staged'", ("needs_batch", "needs_batch", "be ready or scheduled")),
        ("id", "'seven'", (f"{TYPES} uuid", "id_is_uuid", "be a UUID")),
        ("queue", f"'{'q' * 191}'", ("too long", "'queue'", "have 190 characters at most")),
        ("title", f"'{'t' * 1025}'", ("too long", "'title'", "have 1024 characters at most")),
    ],
)
def test_a_wrong_value_is_refused_where_it_is_written(queue, refusal, column, value, words):
    """By the type, by a constraint whose name begins with the column's, or by a trigger.

    PostgreSQL doesn't name the column of a wrong type; it shows the place in the statement.
    """
    said = refusal(f"INSERT INTO coserver_job (task, {column}) VALUES ('t', {value})")
    kind = find_family(queue.engine).value
    assert words[KINDS[kind]] in said
    assert kind == "postgresql" or column in said
    assert queue.counts() == {}


@pytest.mark.parametrize("column", ["origin", "evidence"])
def test_what_only_zope_writes_has_a_bound(refusal, column):
    """A consumer that claims many such rows isn't made to hold gigabytes."""
    large = json.dumps({"x": "x" * 65_536})
    said = refusal(f"INSERT INTO coserver_job (task, {column}) VALUES ('t', '{large}')")
    assert f"{column}_up_to_64_kib" in said or f"{column} must have 65536 bytes at most" in said


def test_a_job_needs_a_task(refusal):
    """An empty name is none."""
    assert "task" in refusal("INSERT INTO coserver_job (task) VALUES ('')")
    assert "task" in refusal("INSERT INTO coserver_job (title) VALUES ('a job')")


def test_a_change_to_nonsense_is_refused_too(queue, refusal):
    """The job stays what it was."""
    job_id = queue.put()
    assert "state" in refusal("UPDATE coserver_job SET state = 'waiting'")
    assert "run_at" in refusal("UPDATE coserver_job SET run_at = 1893456000")
    assert "expires_at" in refusal("UPDATE coserver_job SET expires_at = 1893456000")
    assert queue.get(job_id).state is State.READY


@pytest.mark.parametrize(
    "values",
    [
        {
            "eta": datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC),
            "priority": -1_000_000,
            "max_attempts": 1,
            "timeout": MAX_TIMEOUT_S,
        },
        {"eta": datetime.max.replace(tzinfo=UTC), "priority": 1_000_000, "timeout": 0.001},
        {"queue": "\N{SNOWMAN}" * 190, "title": "t" * 1024, "payload": b"\0", "origin": {}},
    ],
)
def test_what_the_client_takes_the_database_takes(queue, values):
    """The rules are the same, up to the limits."""
    assert queue.get(queue.put(**values)).state in (State.READY, State.SCHEDULED)


@pytest.mark.parametrize("requires", ["", " ", ",", "linux , ffmpeg"])
def test_requirements_may_be_written_loosely(queue, requires):
    """An empty text is what some libraries write for nothing."""
    with queue.engine.begin() as connection:
        connection.exec_driver_sql(
            f"INSERT INTO coserver_job (task, requires) VALUES ('t', '{requires}')"
        )
    assert len(queue.take(capabilities=["ffmpeg", "linux", "x"])) == 1


def test_what_nobody_can_do_waits(queue):
    """Somebody who can may come."""
    with queue.engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO coserver_job (task, requires) VALUES ('t', 'gpu')")
    assert queue.take(capabilities=["linux"]) == []
    assert len(queue.take(capabilities=["linux", "gpu"])) == 1
