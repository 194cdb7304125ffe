"""A Node.js program with the package pg, as the page about the tables has it."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa

from support.databases import only_on
from support.programs import run_node

on_postgresql = only_on("postgresql")


@pytest.fixture
def node(database_url, node_modules):
    """Run a script on the test's database."""
    url = sa.make_url(database_url).set(drivername="postgresql")

    def run(script: str):
        return run_node(script, node_modules, DATABASE=url.render_as_string(hide_password=False))

    return run


@on_postgresql
def test_a_program_adds_a_job_and_waits_for_its_result(node, page_blocks, consumer, jobs):
    """In a transaction of its own; pg writes the arguments as JSON and reads the result."""
    [script] = page_blocks("reference/tables.md", "js")
    said = node(script)
    assert said.ok, said.error
    told = json.loads(said.output)
    assert (told["state"], told["result"]) == ("completed", {"sent": "a@example.com"})
    assert jobs.get(told["id"]).args == {"to": "a@example.com"}


@on_postgresql
def test_a_job_of_a_program_that_rolls_back_never_exists(node, page_blocks, jobs):
    """Nor does the job of one that ends in the middle."""
    [script] = page_blocks("reference/tables.md", "js")
    before, _ = script.split('await database.query("COMMIT");')
    assert node(f'{before}await database.query("ROLLBACK"); await database.end();').ok
    assert not node(f"{before}process.kill(process.pid, 'SIGKILL');").ok
    assert jobs.titled("mail.send") == []


@on_postgresql
def test_a_date_of_javascript_is_refused(node, page_blocks, jobs):
    """A Date is no number of microseconds; pg's error says what PostgreSQL says."""
    [script] = page_blocks("reference/tables.md", "js")
    wrong = script.replace(
        "(task, args) VALUES ('mail.send', $1)", "(task, run_at) VALUES ('x', $1)"
    )
    said = node(wrong.replace('[{ to: "a@example.com" }]', "[new Date()]"))
    assert not said.ok
    assert "invalid input syntax for type bigint" in said.error
    assert jobs.titled("x") == []
