"""psql, mariadb and sqlite3 add jobs and watch them, with what the page about the tables says."""

from __future__ import annotations

import json
import re

from demo.bootstrap import REPOSITORY
from support.waiting import wait_for

PAGE = "reference/tables.md"
DATABASES = {"postgresql": "PostgreSQL", "mysql": "MariaDB, MySQL", "sqlite": "SQLite"}
FLAGS = re.MULTILINE | re.IGNORECASE
ENDED = ("completed", "failed", "cancelled")


def test_a_job_is_added_and_watched_until_it_ended(shell, page_blocks, consumer):
    """The program never hears of coserver, but for the tables."""
    add, watch = page_blocks(PAGE, f"sql {shell.name}")
    [[job_id]] = shell.run(add).rows

    def look():
        [row] = shell.run(watch, id=job_id).rows
        return row if row[0] in ENDED else None

    state, result, error = wait_for(look, what="the job to end")
    assert (state, json.loads(result), error) == ("completed", {"sent": "a@example.com"}, "")


def test_a_job_exists_only_if_its_transaction_commits(shell, page_blocks):
    """Together with the rest of it."""
    add, watch = page_blocks(PAGE, f"sql {shell.name}")
    mine = "INSERT INTO coserver_queue (name) VALUES ('mine');"
    [[lost]] = shell.run(f"BEGIN; {mine} {add} ROLLBACK;").rows
    [[kept]] = shell.run(f"BEGIN; {mine} {add} COMMIT;").rows
    assert shell.run(watch, id=lost).rows == []
    assert shell.run(watch, id=kept).rows == [["ready", "", ""]]
    assert ["mine"] in shell.run("SELECT name FROM coserver_queue;").rows


def test_a_job_may_be_due_later(shell, jobs):
    """The page's expression is ten minutes ahead of the database's clock."""
    page = (REPOSITORY / "docs" / PAGE).read_text()
    [moment] = re.findall(rf"^\| {DATABASES[shell.kind]} \| `(.*10 minute.*)` \|$", page, FLAGS)
    insert = "INSERT INTO coserver_job (task, state, run_at) VALUES ('mail.send', 'scheduled', "
    assert shell.run(f"{insert}{moment});").ok
    [job] = jobs.titled("mail.send")
    assert abs(job.run_at - job.created_at - 600_000_000) < 5_000_000
