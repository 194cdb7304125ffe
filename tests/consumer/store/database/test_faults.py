"""What the databases' errors are about, and what their texts may say."""

from __future__ import annotations

import logging
import sqlite3

import psycopg
import pymysql
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from coserver_consumer import store
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.options import JobOptions
from coserver_consumer.store import enqueue
from coserver_consumer.store.database import error_codes
from coserver_consumer.store.database.faults import Fault, classify, is_transient
from coserver_consumer.store.database.redaction import describe
from coserver_consumer.store.schema import tables

SECRET = "hush, hush"


def in_postgresql(state):
    """Return an error as psycopg raises it."""
    return psycopg.errors.lookup(state)("said")


def in_mariadb(number):
    """Return an error as PyMySQL raises it, with an SQLSTATE beside the number."""
    error = pymysql.err.OperationalError(number, "said")
    error.sqlstate = "HY000"
    return error


@pytest.mark.parametrize(
    ("fault", "states", "numbers"),
    [
        (
            Fault.OUTAGE,
            ["25006", "53100", "53300", "55P03", "57014", "57P01", "57P03", "28P01", "28000"],
            [1021, 1040, 1045, 1114, 1203, 1205, 1223, 1290, 1836, 1969, 2003, 2013, 3024],
        ),
        (
            Fault.ROW,
            ["22001", "22003", "22021", "22P02", "23502", "23505", "23514"],
            [1048, 1062, 1264, 1292, 1366, 1406, 4025],
        ),
        (Fault.BUG, ["42601", "42703", "25P02"], [1054, 1064]),
    ],
)
def test_an_error_is_about_the_database_or_a_row_or_neither(fault, states, numbers):
    """By its code, whether SQLAlchemy has wrapped it or not."""
    errors = [*map(in_postgresql, states), *map(in_mariadb, numbers)]
    assert {str(error.args): classify(error) for error in errors} == {
        str(error.args): fault for error in errors
    }
    wrapped = [sa.exc.DBAPIError("SELECT 1", {}, error) for error in errors]
    assert {classify(error) for error in wrapped} == {fault}


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        (psycopg.OperationalError, Fault.OUTAGE),
        (psycopg.InterfaceError, Fault.OUTAGE),
        (psycopg.InternalError, Fault.OUTAGE),
        (psycopg.DataError, Fault.ROW),
        (psycopg.ProgrammingError, Fault.BUG),
    ],
)
def test_without_a_code_it_is_the_drivers_own_word(kind, fault):
    """The server wasn't reached, or said what the driver doesn't know."""
    assert classify(kind("said")) is fault


def test_more_values_than_a_statement_has_room_for_are_no_outage(engine):
    """Waiting wouldn't help. MariaDB takes them, and SQLite as it was built."""
    too_many = sa.select(tables.job.c.id).where(tables.job.c.queue.in_(["a"] * 70_000))
    found = set()
    with engine.connect() as connection:
        try:
            connection.execute(too_many)
        except sa.exc.DBAPIError as error:
            found.add(classify(error))
    assert found <= {Fault.BUG}


def test_every_code_is_in_one_table_only():
    """What is an outage isn't a row's fault."""
    assert error_codes.OUTAGE_MYSQL.isdisjoint(error_codes.ROW_MYSQL)
    assert error_codes.OUTAGE_SQLITE.isdisjoint(error_codes.ROW_SQLITE)
    assert set(error_codes.OUTAGE_POSTGRESQL).isdisjoint(error_codes.ROW_POSTGRESQL)
    assert error_codes.UNREACHABLE <= error_codes.OUTAGE_MYSQL | error_codes.OUTAGE_SQLITE


@pytest.mark.parametrize("number", sorted(error_codes.TRANSIENT_MYSQL))
def test_what_is_tried_again_at_once_is_an_outage_in_the_end(number):
    """MariaDB's numbers count, not the SQLSTATE that its driver adds."""
    error = sa.exc.DBAPIError("SELECT 1", {}, in_mariadb(number))
    assert is_transient(error)
    assert store.is_outage(error)


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        ("PRAGMA max_page_count = 1", Fault.OUTAGE),  # as a full disk: SQLITE_FULL
        ("PRAGMA query_only = on", Fault.OUTAGE),
        ("DROP TABLE filled", Fault.OUTAGE),
        ("CREATE UNIQUE INDEX one ON filled (length(body))", Fault.ROW),
        ("ALTER TABLE filled RENAME body TO soul", Fault.BUG),
    ],
)
def test_sqlite_says_by_its_result_codes_what_is_wrong(tmp_path, spoil, fault):
    """Its texts are for people."""
    connection = sqlite3.connect(tmp_path / "file")
    connection.execute("CREATE TABLE filled (body)")
    write = "INSERT INTO filled (body) VALUES (zeroblob(100000))"
    connection.execute(write)
    connection.execute(spoil)
    with pytest.raises(sqlite3.Error) as refused:
        connection.execute(write)
    assert classify(refused.value) is fault


@given(st.from_type(type(ValueError())) | st.builds(RuntimeError, st.text()))
def test_an_error_of_nobodys_database_is_no_outage(error):
    """Whatever it says."""
    assert classify(error) is Fault.BUG


def refuse_row(engine, **values):
    """Return the error for a row that breaks a rule."""
    with pytest.raises(sa.exc.DBAPIError) as refused, engine.begin() as connection:
        connection.execute(sa.insert(tables.job), values)
    return refused.value


@pytest.mark.parametrize(
    "values",
    [
        {"task": "t", "args": {"to": SECRET}, "state": "nonsense"},
        {"task": "t", "unique_key": SECRET, "queue": "default"},
        {"task": "t", "signature": SECRET * 1000},
    ],
    ids=["a rule", "a key", "a length"],
)
def test_no_error_shows_what_is_in_a_row(engine, caplog, values):
    """PostgreSQL's detail has the whole row, MariaDB's text has the value."""
    store.write(
        engine, lambda c: enqueue.add_many(c, [NewJob(task="t", options=JobOptions(unique=SECRET))])
    )
    if engine.dialect.name == "sqlite" and "signature" in values:
        values = {"task": None, "signature": SECRET}
    error = refuse_row(engine, **values)
    logging.getLogger("test").error("It failed", exc_info=error)
    assert SECRET not in caplog.text
    assert SECRET not in repr(error.orig)
    assert describe(error) in str(error.orig).replace("\n", " ")


def test_a_text_names_the_key_and_not_its_value(engine):
    """So much is needed to know what happened."""
    store.write(
        engine, lambda c: enqueue.add_many(c, [NewJob(task="t", options=JobOptions(unique=SECRET))])
    )
    text = describe(refuse_row(engine, task="t", unique_key=SECRET))
    assert "coserver_job_unique" in text or "coserver_job.held_key" in text


@pytest.mark.parametrize("text", ["abc", "it's", "x' for key 'y", "a\nb"])
def test_what_a_server_quotes_is_left_out(text):
    """Whatever quotes are in it."""
    error = pymysql.err.IntegrityError(1062, f"Duplicate entry '{text}' for key 'unique'")
    assert describe(error) == "(1062, \"Duplicate entry ... for key 'unique'\")"
