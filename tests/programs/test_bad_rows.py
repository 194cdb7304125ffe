"""Rows that other programs write wrongly: refused with a reason, or jobs that fail with one.

Never a consumer that dies, a job that hangs in silence, or a list that can't be shown.
"""

from __future__ import annotations

import json
import re
import time

import pytest

from support.waiting import wait_for

LONG_AGO = round((time.time() - 3600) * 1_000_000)
LARGE = {
    "postgresql": "decode(repeat('00', 2000000), 'hex')",
    "mysql": "REPEAT('x', 2000000)",
    "sqlite": "zeroblob(2000000)",
}
LARGE_JSON = {
    "postgresql": """('{"to": "' || repeat('x', 2000000) || '"}')::json""",
    "mysql": """CONCAT('{"to": "', REPEAT('x', 2000000), '"}')""",
    "sqlite": """'{"to": "' || hex(zeroblob(1000000)) || '"}'""",
}
HUGE = {
    "postgresql": "decode(repeat('00', 17000000), 'hex')",
    "mysql": "REPEAT('x', 17000000)",
    "sqlite": "zeroblob(17000000)",
}
TOO_LARGE = "the limit is 1048576, the setting max_payload. Pass the path or UID"
NO_OBJECT = "The arguments must be a JSON object"
REFUSED = {
    "an ISO date": ("run_at", "'2030-01-01T00:00:00Z'"),
    "seconds": ("run_at", "1893456000"),
    "text where a number belongs": ("priority", "'high'"),
    "text where seconds belong": ("timeout", "'long'"),
    "an unknown state": ("state", "'waiting'"),
    "a state that is over": ("state", "'completed'"),
    "a claim of nobody": ("state", "'running'"),
    "a negative max_attempts": ("max_attempts", "-1"),
    "an id that is none": ("id", "'seven'"),
    "a payload for no machine": ("payload", HUGE),
}
FAILING = {
    "a list of arguments": ("args", "'[1, 2]'", NO_OBJECT),
    "a number as arguments": ("args", "'7'", NO_OBJECT),
    "an argument of another task": (
        "args",
        """'{"soap": 1}'""",
        "missing a required argument: 'to'",
    ),
    "a number without end": ("args", f"""'{{"to": {"9" * 5000}}}'""", NO_OBJECT),
    "an unknown queue": ("queue", "'mial'", "No queue is called 'mial'; known are: default."),
    "an owner that nobody signed": ("owner", "'boss'", "signature"),
    "a list as origin": ("origin", "'[1]'", "The origin must be a JSON object"),
}
TAKEN_BY_SOME = {
    "bad JSON": ("args", "'{broken'"),
    "no JSON at all": ("args", "''"),
    "JSON that is too deep": ("args", f"'{'[' * 5000}{']' * 5000}'"),
}


@pytest.fixture
def insert(shell):
    """Write a job with one odd value; it is due since long, so that no patience is tried."""

    def run(column: str, value: str, title: str):
        columns = ["task", "title", "run_at", "created_at", "max_attempts"]
        values = ["'mail.send'", f"'{title}'", str(LONG_AGO), str(LONG_AGO), "1"]
        said = dict(zip(columns, values, strict=True)) | {column: value}
        return shell.run(
            f"INSERT INTO coserver_job ({', '.join(said)}) VALUES ({', '.join(said.values())});"
        )

    return run


@pytest.mark.parametrize("title", REFUSED)
def test_what_no_job_can_have_is_refused(shell, insert, jobs, title):
    """By the program that writes it, which exits with an error that has the column.

    Only PostgreSQL's message about a type has the place in the statement instead, and MariaDB
    may know of nothing but the statement's length.
    """
    column, value = REFUSED[title]
    said = insert(column, value if isinstance(value, str) else value[shell.kind], title)
    assert not said.ok
    assert re.search(rf"{column}|invalid input syntax for type|max_allowed_packet", said.error)
    assert jobs.titled("mail.send") == []


def test_wrong_jobs_fail_clearly_and_harm_no_other(
    shell, insert, jobs, consumer, coserver, database_url
):
    """All of them at once, before and after a good one; each says what is wrong with it."""
    expected = {title: wanted for title, (_, _, wanted) in FAILING.items()}
    for title, (column, value, _) in FAILING.items():
        assert insert(column, value, title).ok, title
    for title, (column, value) in TAKEN_BY_SOME.items():
        if insert(column, value, title).ok:
            expected[title] = NO_OBJECT
    assert insert("payload", LARGE[shell.kind], "a huge payload").ok
    assert insert("args", LARGE_JSON[shell.kind], "huge arguments").ok
    expected |= {"a huge payload": TOO_LARGE, "huge arguments": TOO_LARGE}
    assert insert("requires", "'gpu'", "what nobody can do").ok
    assert insert("args", """'{"to": "a"}'""", "a good one").ok

    wait_for(lambda: jobs.count_live() + jobs.count_live("mial") == 1, what="one job to be left")
    found = {job.title: job for job in jobs.titled("mail.send")}
    assert found.keys() == {*expected, "a good one", "what nobody can do"}
    assert found.pop("a good one").state == "completed"
    assert found.pop("what nobody can do").state == "ready"
    for title, job in found.items():
        assert job.state == "failed", title
        assert expected[title] in job.error, title
    assert consumer.is_running
    assert "Traceback" not in consumer.output()
    listed = json.loads(coserver("jobs", "list", "--json"))
    assert len(listed) == len(expected) + 2
    for job in listed:
        assert job["title"] in coserver("jobs", "show", job["id"])
        assert json.loads(coserver("jobs", "show", "--json", job["id"]))["state"] == job["state"]
