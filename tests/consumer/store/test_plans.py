"""How the databases find rows: what is asked again and again must not scan what grows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine, event

from coserver_consumer import store
from coserver_consumer.diagnosis.why import explain as explain_why
from coserver_consumer.model.job import State, new_id
from coserver_consumer.model.lifecycle import complete, retry
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.options import JobOptions
from coserver_consumer.model.outcome import Failed
from coserver_consumer.store import claim, enqueue, finish, maintain, manage
from coserver_consumer.store.claim.take import list_keys
from coserver_consumer.store.enqueue.unique_keys import find_recent
from coserver_consumer.store.finish.dependents import resolve_dependents
from coserver_consumer.store.maintain.partitions import DAY_MS, first_id
from coserver_consumer.store.schema import tables
from support.databases import only_on

GROWS = ("coserver_job", "coserver_history", "coserver_dependency")
ENDED = new_id()  # a job of the site
OLD = 9  # jobs that ended long ago and are pruned as a range of ids; and as many that lie apart
OF_QUERY = ("anon_", "<derived", "<union")  # how the rows of a query within a query are named
LATER = 4_000_000_000_000_000  # microseconds since the epoch
HIGH = "f0000000-0000-7000-8000-000000000000"  # most ids are below
EMPTY = "cost=0.00..0.00"  # what PostgreSQL says of a partition of the coming days
SHORT = ("coserver_job_lease", "coserver_job_requires")  # partial indexes of few rows


def explain(engine: Engine, work: Any) -> str:
    """Return the plans of the statements that ``work`` sends."""
    sent = statements(engine, work)
    with engine.begin() as connection:
        _prefer_indexes(connection)
        return "\n".join(str(row) for row in plans(connection, sent))


def statements(engine: Engine, work: Any) -> list[tuple[str, Any]]:
    """Return the statements that ``work`` sends, with their parameters."""
    sent: list[tuple[str, Any]] = []

    def note(connection, cursor, statement, parameters, context, many):
        reads = "SELECT" in statement or not statement.startswith("INSERT")
        if reads and statement.startswith(("SELECT", "UPDATE", "DELETE", "WITH", "INSERT")):
            sent.append((statement, parameters[0] if many else parameters))

    event.listen(engine, "before_cursor_execute", note)
    store.write(engine, work)
    event.remove(engine, "before_cursor_execute", note)
    return sent


def indexes(engine: Engine, work: Any) -> set[str]:
    """Return the indexes by which ``work`` finds rows, and the tables that it reads whole."""
    sent = statements(engine, work)
    assert sent
    named = {"sqlite": _sqlite_index, "postgresql": _postgresql_index}.get(
        engine.dialect.name, lambda row: row.key or row.table
    )
    with engine.begin() as connection:
        names = {name for row in plans(connection, sent) if (name := named(row))}
        return {name for name in names if not name.startswith(OF_QUERY)}


def _sqlite_index(row: sa.Row[Any]) -> str | None:
    read = re.match(r"(?:SCAN|SEARCH) (\w+)(?: USING (?:COVERING )?INDEX (\w+))?", row.detail)
    return read and (read[2] or read[1])


def _postgresql_index(row: sa.Row[Any]) -> str | None:
    read = re.search(r"(?:Seq Scan on|Index Scan on|using) (\w+)", row[0])
    return read[1] if read and EMPTY not in row[0] else None


def plans(connection: sa.Connection, sent: list[tuple[str, Any]]) -> Iterator[sa.Row[Any]]:
    """Yield the rows of the statements' plans."""
    is_sqlite = connection.dialect.name == "sqlite"
    prefix = "EXPLAIN QUERY PLAN " if is_sqlite else "EXPLAIN "
    for statement, parameters in sent:
        yield from connection.exec_driver_sql(prefix + statement, parameters)


def whole_reads(engine: Engine, work: Any) -> list[str]:
    """Return the steps of the plans that read a table or an index of it as a whole."""
    sent = statements(engine, work)
    assert sent
    with engine.begin() as connection:
        is_whole = {"sqlite": _is_scan, "postgresql": _is_seq_scan}.get(
            engine.dialect.name, _is_all
        )
        return [str(row) for row in plans(connection, sent) if is_whole(row)]


def _is_scan(row: sa.Row[Any]) -> bool:
    read = re.match(r"SCAN (\w+)(?: AS \w+)?(?: USING (?:COVERING )?INDEX (\w+))?", row.detail)
    return bool(read and read[1] in GROWS and read[2] not in SHORT)


def _is_seq_scan(row: sa.Row[Any]) -> bool:
    read = re.search(r"Seq Scan on (\w+)", row[0])
    return bool(read and read[1].startswith(GROWS) and EMPTY not in row[0])


def _is_all(row: sa.Row[Any]) -> bool:
    return row.table in GROWS and row.type in ("ALL", "index")


def _prefer_indexes(connection: sa.Connection) -> None:
    """A test's table is so small that PostgreSQL would rather read it whole."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")


def fill(engine: Engine) -> None:
    """Queue enough jobs for an index to be worth it, and let the database count them."""
    store.write(engine, lambda c: enqueue.add_many(c, [NewJob(task="t") for _ in range(1000)]))
    with engine.begin() as connection:
        table = "TABLE coserver_job" if engine.dialect.name == "mysql" else ""
        connection.exec_driver_sql(f"ANALYZE {table}")


def test_the_resolver_reads_an_index(engine: Engine) -> None:
    """Idle, this one statement is all it asks, and the jobs that wait don't slow it."""
    fill(engine)
    plan = explain(engine, finish.find_in_doubt)
    assert "coserver_job_in_doubt" in plan


def test_the_claim_reads_an_index_in_its_order(engine: Engine) -> None:
    """It takes the first of the queue and sorts nothing."""
    fill(engine)
    plan = explain(
        engine,
        lambda c: claim.claim(c, consumer=new_id(), queues=["default"], tasks=["t"], limit=1),
    )
    assert "coserver_job_claim" in plan


def test_a_snapshot_of_five_queues_asks_once_what_holds_for_all(engine: Engine) -> None:
    """Whether jobs are due or require something is no matter of a queue; it is one statement."""
    fill(engine)
    names = ["default", "a", "b", "c", "d"]
    sent = statements(engine, lambda c: claim.read_snapshot(c, names))
    assert len(sent) == 1
    with engine.begin() as connection:
        _prefer_indexes(connection)
        steps = [str(row) for row in plans(connection, sent)]
    for index in ("coserver_job_due", "coserver_job_requires"):
        assert len([step for step in steps if index in step]) == 1


@pytest.fixture
def crowd(empty_database_url: str) -> Iterator[tuple[Engine, str, str]]:
    """Thousands of jobs that wait, have ended, or come after others; and two such.

    Few of them belong to the site. In a database of its own: what other tests have removed would
    count in its statistics.
    """
    engine = store.open_engine(empty_database_url)
    store.upgrade(engine)
    waiting = [
        NewJob(task="t", options=JobOptions(limit=f"k{number % 9}")) for number in range(2000)
    ]
    parents = [NewJob(task="t", id=new_id()) for _ in range(500)]
    children = [
        NewJob(task="t", options=JobOptions(after=(parent.id,)))
        for parent in parents
        for _ in range(3)
    ]
    of_site = [NewJob(task="t", site="/Plone", owner="jane") for _ in range(10)]

    def fill(connection: sa.Connection) -> None:
        if maintain.has_partitions(engine):
            maintain.make_partitions(connection, keep_days=30)
        manage.add_queue(connection, "default")
        enqueue.add_many(connection, [*waiting, *parents, *children, *of_site])
        connection.execute(sa.insert(tables.history), list(make_ended()))
        connection.execute(sa.insert(tables.history), list(make_old()))
        failed = [{"job_id": job.id, "run": 1, "attempt": 1, "error": "no"} for job in waiting]
        connection.execute(sa.insert(tables.error), failed)
        claimed = {"consumer": new_id(), "queues": ["default"], "tasks": ["t"], "limit": 9}
        claim.claim(connection, **claimed)

    store.write(engine, fill)
    count_rows(engine)
    yield engine, parents[-1].id, children[-1].id
    engine.dispose()


def count_rows(engine: Engine) -> None:
    """Let the database know how many there are; nobody does so for SQLite, which guesses."""
    tables = f"TABLE {', '.join(GROWS)}, coserver_error" if engine.dialect.name == "mysql" else ""
    if engine.dialect.name != "sqlite":
        with engine.begin() as connection:
            connection.exec_driver_sql(f"ANALYZE {tables}").close()


def make_ended() -> Iterator[dict[str, Any]]:
    """Yield jobs of many states and users, in two partitions: other programs make other ids."""
    states = [state for state in State if not state.is_live]
    for number in range(5000):
        yield {
            "id": new_id() if number % 2 else make_foreign_id(),
            "task": "t",
            "state": states[number // 2 % len(states)].value,
            "unique_key": f"u{number}",
            "owner": f"user-{number % 50}",
            "site": None,
        }
    for job_id in (ENDED, *(new_id() for _ in range(9)), *(make_foreign_id() for _ in range(10))):
        others = {"unique_key": None, "owner": "jane", "site": "/Plone"}
        yield {"id": job_id, "task": "t", "state": State.FAILED.value, **others}


def make_old() -> Iterator[dict[str, Any]]:
    """Yield jobs of which those with ids that are close together ended before the others."""
    old = {"task": "t", "state": State.COMPLETED.value}
    for number in range(OLD):
        yield {"id": f"{first_id(DAY_MS)[:-1]}{number}", **old, "ended_at": 1}
        yield {"id": make_foreign_id(), **old, "ended_at": 2}


def make_foreign_id() -> str:
    """Return an id that begins with no time: of thousands one would be of a coming, empty day."""
    return f"e{str(uuid4())[1:]}"


def claim_and_finish(connection: sa.Connection, *_: str, limit: int = 9) -> None:
    """Do what a consumer does to acknowledge and fetch."""
    claimed = {"consumer": new_id(), "queues": ["default"], "tasks": ["t"], "limit": limit}
    jobs = claim.claim(connection, **claimed)
    finish.end_attempts(connection, [complete(job) for job in jobs[1:]])
    finish.end_attempts(connection, [retry(jobs[0], Failed(error="no"), 60)])


# PostgreSQL may take partial indexes as well: those of states that jobs are in for a short while.
OF_SITE = "_site|_owner|_due|_in_doubt|_batch|_error_job"
SITE = {"site": "/Plone", "limit": 26}
PANEL = {
    "its jobs": {},
    **{f"its {state} jobs": {"states": [state]} for state in State},
    "the jobs of a user": {"owner": "jane"},
    "the failed jobs of a user": {"owner": "jane", "states": [State.FAILED]},
    "a search": {"titles": ["x"], "error": "no … x", "id_part": "abcd", "until": LATER},
    "a page behind": {"before": HIGH},
    "a page behind of failed jobs": {"before": HIGH, "states": [State.FAILED]},
}
QUESTIONS = {
    "acknowledge and fetch": claim_and_finish,
    "a heartbeat": lambda c, _, __: maintain.heartbeat(c, new_id()),
    "whom to rescue": lambda c, _, __: maintain.has_dead(c),
    "a rescue": lambda c, _, __: maintain.rescue(c),
    "what is due": lambda c, _, __: maintain.make_due_ready(c),
    "what has expired": lambda c, _, __: finish.expire_overdue(c),
    "what is too old": lambda c, _, __: maintain.prune(c, older_than=86_400, limit=OLD),
    "what is too old and lies apart": lambda c, _, __: maintain.prune(
        c, older_than=86_400, limit=OLD
    ),
    "nothing that is too old": lambda c, _, __: maintain.prune(c, older_than=86_400),
    "what a consumer would find": lambda c, _, __: claim.read_snapshot(
        c, ["default", "other"], capabilities=["x"]
    ),
    "the keys that jobs wait with": lambda c, _, __: list_keys(c, "default", after="", limit=64),
    "what runs": lambda c, _, __: claim.count_running(c),
    "who waits for a job": lambda c, parent, _: resolve_dependents(c, {parent: State.COMPLETED}),
    "what a job waits for": lambda c, _, child: enqueue.parents(c, child),
    "who waits for a job, by name": lambda c, parent, _: manage.children(c, parent),
    "how many a site has": lambda c, _, __: manage.count_newest(c, most=5, site="/Plone"),
    "what a site's queues have": lambda c, _, __: manage.count_live(c, site="/Plone", most=5),
    "what has ended in a site": lambda c, _, __: manage.count_ended(
        c, site="/Plone", since=0, lately=0, most=5
    ),
    "what has failed in a site": lambda c, _, __: manage.failures(
        c, site="/Plone", since=0, most=5
    ),
    "who had a key": lambda c, _, __: find_recent(c, "u7", 600),
    "what failed": lambda c, _, __: manage.find(c, states=[State.FAILED]),
    "a live job": lambda c, parent, _: manage.get(c, parent),
    "an ended job": lambda c, _, __: manage.get(c, ENDED),
    "why a job waits": lambda c, parent, _: explain_why(c, parent),
    "why a job waits for another": lambda c, _, child: explain_why(c, child),
    "why a job ended": lambda c, _, __: explain_why(c, ENDED),
}


def test_no_rule_reads_a_table_as_a_whole(crowd: tuple[Engine, str, str]) -> None:
    """What is asked at each claim and each ending looks at few of many rows."""
    engine, parent, child = crowd
    read = {
        question: whole_reads(engine, lambda c, ask=ask: ask(c, parent, child))
        for question, ask in QUESTIONS.items()
    }
    assert read == {question: [] for question in QUESTIONS}


def test_the_panel_finds_the_jobs_of_its_site(crowd: tuple[Engine, str, str]) -> None:
    """However many jobs of other programs there are, in each table and in each partition."""
    engine, _, _ = crowd
    wrong = {
        question: [name for name in used if not re.search(OF_SITE, name)]
        for question, asked in PANEL.items()
        if (used := indexes(engine, lambda c, asked=asked: manage.find(c, **SITE, **asked)))
    }
    assert wrong == {question: [] for question in PANEL}


@pytest.fixture
def empty(database_url: str) -> Iterator[Engine]:
    """An engine as consumers have it, on tables that are still empty."""
    engine = store.open_engine(database_url, for_consumer=True)
    yield engine
    engine.dispose()


def test_a_claim_is_planned_well_before_there_are_jobs(empty: Engine) -> None:
    """A consumer starts on empty tables, and PostgreSQL keeps the plans that it makes there.

    Each ended job is found by its id, not by a join that may go through all running ones.
    """
    store.write(empty, lambda c: enqueue.add_many(c, [NewJob(task="t") for _ in range(18)]))
    sent = [one for one in statements(empty, claim_and_finish) if "coserver_job SET" in one[0]]
    sent += [one for one in statements(empty, claim_and_finish) if "DELETE" in one[0]]
    with empty.begin() as connection:
        steps = [str(row) for row in plans(connection, sent)]
    assert any("coserver_job" in step for step in steps)
    if empty.dialect.name == "postgresql":
        wrong = ("Seq Scan", "Join", "Nested Loop")
        assert [step for step in steps if any(name in step for name in wrong)] == []


def test_a_large_claim_on_a_small_table_finds_each_job_by_its_id(empty: Engine) -> None:
    """The small table may have been a large one, of which nothing can be cleaned yet."""
    fill(empty)
    assert whole_reads(empty, lambda c: claim.read_snapshot(c, ["default"])) == []
    assert whole_reads(empty, partial(claim_and_finish, limit=400)) == []


@only_on("postgresql", fixture="empty_database_url")
def test_no_statement_of_a_consumer_is_compiled(crowd: tuple[Engine, str, str]) -> None:
    """A scan that is needed all the same "costs" so much that PostgreSQL would compile each."""
    crowded, *ids = crowd
    url = crowded.url.render_as_string(hide_password=False)
    engine = store.open_engine(url, for_consumer=True)
    compiled = {}
    for question, ask in QUESTIONS.items():
        sent = statements(engine, lambda c, ask=ask: ask(c, *ids))
        with engine.begin() as connection:
            compiled[question] = [plan for plan in plans(connection, sent) if "JIT" in str(plan)]
    engine.dispose()
    assert compiled == {question: [] for question in QUESTIONS}
