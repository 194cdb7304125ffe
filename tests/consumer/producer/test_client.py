"""The client for programs that aren't Plone."""

from __future__ import annotations

import math
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import DBAPIError

from coserver_consumer import Client, store
from coserver_consumer.errors import (
    ClientClosed,
    ConfigurationError,
    DidNotComplete,
    InvalidJob,
    JobNotFound,
    NoResult,
    NotDone,
    StoreUnavailable,
    UnknownQueue,
    WrongState,
)
from coserver_consumer.model.job import State, new_id
from coserver_consumer.model.lifecycle import complete, fail
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.options import JobOptions
from coserver_consumer.model.outcome import Failed
from coserver_consumer.store import claim, finish, manage
from support.waiting import PATIENCE


def test_a_job_is_added_with_all_that_was_said(client):
    """As options or with their defaults."""
    job = client.get(
        client.add(
            "mail.send",
            {"to": "a@example.com"},
            priority=3,
            max_attempts=2,
            timeout=9,
            payload=b"\x00",
            title="A mail",
            unique="a",
            requires=["smtp"],
        )
    )
    assert (job.task, job.args, job.state) == (
        "mail.send",
        {"to": "a@example.com"},
        State.READY,
    )
    assert (job.priority, job.max_attempts, job.timeout) == (3, 2, 9)
    assert (job.payload, job.title, job.requires) == (b"\x00", "A mail", ("smtp",))
    assert client.add("mail.send", unique="a") == job.id


def test_a_closed_client_opens_no_connection_again(sqlite_url):
    """It says that it was closed, also beside a connection of the caller's."""
    with Client(sqlite_url) as client:
        job_id = client.add("a")
    client.close()
    engine = store.open_engine(sqlite_url)
    with engine.connect() as connection:
        for use in (
            lambda: client.add("a"),
            lambda: client.add("a", connection=connection),
            lambda: client.get(job_id),
            lambda: client.cancel(job_id, connection=connection),
            lambda: client.wait(job_id, timeout=0),
            lambda: client.move_many("default", all=True),
        ):
            with pytest.raises(ClientClosed, match="make another one"):
                use()
    assert client._found_engine.pool.checkedin() == 0
    with Client(engine) as lent:
        lent.get(job_id)
    assert lent.get(job_id).state is State.READY
    engine.dispose()


def test_many_jobs_are_added_in_their_order(client):
    """In one transaction."""
    ids = client.add_many("thumb", ({"n": n} for n in range(5)), title="Thumb")
    assert [client.get(job_id).args["n"] for job_id in ids] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("more", [0, 1, 20])
def test_a_job_is_added_once(client, more):
    """A second time is told in words, and none of the others is added."""
    job, *others = [client.job("mail.send", {"n": n}) for n in range(more + 1)]
    client.add_jobs([job])
    with pytest.raises(InvalidJob, match=r"A job can be queued once, and .*Make another one\."):
        client.add_jobs([*others, job])
    for other in others:
        with pytest.raises(JobNotFound):
            client.get(other.id)


def test_a_job_is_added_with_its_follow_ups_and_theirs(client):
    """All wait for the one before; the id that is returned is the job's own."""
    last = client.job("mail.send", {"n": 3})
    done, doomed = client.job("mail.send", {"n": 2}, on_success=last), client.job("mail.send")
    job_id = client.add("mail.send", {"n": 1}, on_success=done, on_failure=doomed)
    found = [client.get(each) for each in (job_id, done.id, last.id, doomed.id)]
    assert [job.state for job in found] == [State.READY] + [State.BLOCKED] * 3
    assert [job.only_if_failed for job in found] == [False, False, False, True]
    chained = client.chain([client.job("x", on_success=client.job("y")), client.job("z")])
    assert [client.get(each).task for each in chained] == ["x", "z"]


def test_a_follow_up_is_one_job_s_and_one_for_a_failure_has_none_itself(client):
    """It is said in words, and nothing is added."""
    last = client.job("mail.send", title="Last")
    for add in (
        lambda: client.add_many("mail.send", [{}, {}], on_success=last),
        lambda: client.add("mail.send", on_success=last, on_failure=last),
        lambda: client.chain([client.job("mail.send", on_success=last), last]),
    ):
        with pytest.raises(InvalidJob, match=r"'Last' is an on_success.* single job.* group"):
            add()
    doomed = client.job("mail.send", on_success=client.job("mail.send"))
    with pytest.raises(InvalidJob, match="can't have follow-ups of its own"):
        client.add("mail.send", on_failure=doomed)
    with pytest.raises(UnknownQueue):
        client.add("mail.send", on_success=client.job("mail.send", queue="nobody's"))
    assert client.count() == 0


def test_a_follow_up_has_no_unique_key(client):
    """It would be lost while another job holds the key, and keep out others while it waits."""
    keyed, last = client.job("mail.send", unique="k"), client.job("mail.send")
    parent = client.job("mail.send", on_success=client.job("mail.send", on_failure=keyed))
    for add in (
        lambda: client.add("mail.send", on_success=keyed),
        lambda: client.add("mail.send", on_failure=keyed),
        lambda: client.chain([parent, last]),
        lambda: client.group([last], on_success=keyed),
        lambda: client.group([last], on_failure=keyed),
    ):
        with pytest.raises(InvalidJob, match=r"unique key \('k'\).* Leave the key out .*own code"):
            add()
    assert client.count() == 0


def test_a_job_in_the_callers_transaction_exists_once_that_commits(client, engine):
    """And not at all if it doesn't."""
    with engine.connect() as connection:
        job_id = client.add("mail.send", connection=connection)
        assert client.get(job_id, connection=connection).task == "mail.send"
        connection.rollback()
    with pytest.raises(JobNotFound):
        client.get(job_id)
    with engine.begin() as connection:
        job_id = client.add("mail.send", connection=connection)
    assert client.get(job_id).state is State.READY


def test_an_unknown_queue_is_an_error(client, engine):
    """The job would wait for ever; the message says which queues there are."""
    store.write(engine, lambda connection: manage.add_queue(connection, "mail"))
    with pytest.raises(UnknownQueue, match=r"'mial'; known are: default, mail"):
        client.add("mail.send", queue="mial")
    assert client.add("mail.send", queue="mail")


def test_a_job_may_be_due_later(client):
    """After a delay, or at a moment with a time zone."""
    job = client.get(client.add("x", delay=60))
    assert job.state is State.SCHEDULED
    moment = datetime.now(UTC) + timedelta(days=1)
    job = client.get(client.add("x", eta=moment))
    assert abs(job.run_at / 1e6 - moment.timestamp()) < 0.001


def test_a_moment_without_a_time_zone_is_refused(client):
    """Nobody knows when that is."""
    with pytest.raises(InvalidJob, match="no time zone"):
        client.add("x", eta=datetime(2030, 1, 1))  # noqa: DTZ001


def test_an_unknown_option_is_named(client):
    """With those that are known."""
    with pytest.raises(
        InvalidJob, match=r"No option is called 'prio'; known are: queue, .*payload"
    ):
        client.add("x", prio=3)


def test_a_payload_over_the_limit_is_refused(database_url):
    """The message says what to pass instead."""
    with (
        Client(database_url, max_payload=100) as client,
        pytest.raises(InvalidJob, match="Pass the path or UID"),
    ):
        client.add("x", {"text": "x" * 200})


def test_a_job_is_cancelled_and_run_again(client):
    """An ended one can't be cancelled."""
    job_id = client.add("x")
    assert client.cancel(job_id, by="ada") is State.CANCELLED
    with pytest.raises(WrongState):
        client.cancel(job_id)
    client.retry(job_id)
    assert client.get(job_id).state is State.READY


@pytest.fixture
def run(engine):
    """Run the one job that is ready, to an ending."""

    def work(connection, end):
        [job] = claim.claim(connection, consumer=new_id(), queues=["default"], tasks=["x"], limit=1)
        finish.end_attempts(connection, [end(job)])

    return lambda end: store.write(engine, lambda connection: work(connection, end))


def test_waiting_returns_the_ended_job(client, run):
    """With its result."""
    job_id = client.add("x")
    run(lambda job: complete(job, 42))
    assert client.wait(job_id, timeout=5).result == 42


def test_waiting_sees_a_job_end_meanwhile(client, run):
    """Within the second that the pause between two looks may have grown to."""
    job_id = client.add("x")
    ender = threading.Timer(0.5, run, [lambda job: complete(job, 42)])
    ender.start()
    assert client.wait(job_id, timeout=PATIENCE).result == 42
    ender.join()


def test_a_result_is_returned_once_there_is_one(client, run):
    """Until then it is an error to ask for it."""
    job_id = client.add("x")
    with pytest.raises(NotDone, match="is still ready"):
        client.result(job_id)
    run(lambda job: complete(job, [1, 2]))
    assert client.result(job_id, timeout=5) == [1, 2]


def test_a_job_that_failed_has_no_result(client, run):
    """The error says why."""
    job_id = client.add("x")
    run(lambda job: fail(job, Failed(error="the sea is too wide")))
    with pytest.raises(DidNotComplete, match="is failed: the sea is too wide"):
        client.result(job_id)


@pytest.mark.parametrize(
    ("result", "why"), [("x" * 70_000, "it has 70002 characters"), ({1, 2}, "it isn't JSON")]
)
def test_a_result_that_was_not_kept_is_not_returned(client, run, result, why):
    """The work is done, but a note about the result must not be taken for it."""
    job_id = client.add("x")
    run(lambda job: complete(job, result))
    assert client.get(job_id).state is State.COMPLETED
    with pytest.raises(NoResult, match=f"The result of job {job_id} wasn't kept: {why}"):
        client.result(job_id)


def test_a_job_is_part_of_the_transaction_of_a_drivers_connection(client, engine):
    """Without SQLAlchemy in the program; the connection stays open and as it was."""
    program = engine.raw_connection()
    yours = program.driver_connection
    cursor = yours.cursor()
    cursor.execute("BEGIN")
    cursor.execute("INSERT INTO coserver_queue (name) VALUES ('mine')")
    lost = client.add("x", connection=yours, queue="mine", unique="a", delay=1)
    assert client.get(lost, connection=yours).queue == "mine"
    yours.rollback()
    with pytest.raises(JobNotFound):
        client.get(lost)
    cursor.execute("BEGIN")
    cursor.execute("INSERT INTO coserver_queue (name) VALUES ('mine')")
    kept = client.add_many("x", [{"n": 1}, {"n": 2}], connection=yours, queue="mine")
    yours.commit()
    assert [client.get(job_id).args for job_id in kept] == [{"n": 1}, {"n": 2}]
    program.close()


def test_a_connection_of_another_kind_is_refused(client):
    """The message says which would do."""
    with pytest.raises(ConfigurationError, match="must be SQLAlchemy's or one of the driver"):
        client.add("x", connection=object())


def test_what_would_say_nothing_is_refused(client):
    """A job that comes after none can't accept their failure; one for a chain may yet."""
    for add in (client.add, lambda task, **said: client.add_many(task, [{}], **said)):
        with pytest.raises(InvalidJob, match="accepts_failure goes with after: name the jobs"):
            add("x", accepts_failure=True)
    assert client.chain([client.job("x"), client.job("x", accepts_failure=True)])


@pytest.mark.parametrize("args", [None, {"page": 1}, "ab", 5], ids=str)
def test_the_arguments_of_many_are_a_list(client, args):
    """What isn't one is refused, and it is said what is wanted."""
    with pytest.raises(InvalidJob, match="wanted a list of mappings, one for each job, such as"):
        client.add_many("http", args)


@pytest.mark.parametrize("database", [5, None, b"postgresql://queue:hunter2@db/queue"], ids=str)
def test_what_isnt_a_database_is_refused(database):
    """By its type: any part of it may be a password."""
    with pytest.raises(ConfigurationError, match="wanted a URL as text, such as") as error:
        Client(database)
    assert "hunter2" not in str(error.value)


def test_a_wrong_timeout_is_refused_by_its_name(client):
    """Before anything is waited for; a ``timedelta`` will do, and one that is over is over."""
    job_id = client.add("x")
    for wait in (client.wait, client.result):
        for wrong in ("x", True, math.nan):
            with pytest.raises(InvalidJob, match=f"timeout is {wrong!r}, wanted seconds or a"):
                wait(job_id, timeout=wrong)
    with pytest.raises(InvalidJob, match="max_payload is 'x', wanted a whole number from 1"):
        Client("sqlite:///queue.sqlite", max_payload="x")
    for over in (timedelta(milliseconds=1), -1):
        with pytest.raises(TimeoutError):
            client.wait(job_id, timeout=over)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////no/such/folder/queue.sqlite",
        "postgresql://queue:hunter2@127.0.0.1:1/queue",
        "mysql://queue:hunter2@127.0.0.1:1/queue",
    ],
)
def test_an_outage_is_named_as_one(url):
    """With the driver's own error as its cause; the address is shown without its password."""
    with Client(url) as client:
        for ask in (
            lambda: client.add("x"),
            lambda: client.get(new_id()),
            lambda: client.cancel(new_id()),
            lambda: client.cancel_many(all=True),
            lambda: client.wait(new_id(), timeout=1),
        ):
            with pytest.raises(StoreUnavailable, match=r"can't be reached|refuses that") as error:
                ask()
            assert isinstance(error.value.__cause__, DBAPIError)
            assert "hunter2" not in str(error.value)


def test_on_a_connection_of_the_callers_errors_are_as_sqlalchemy_has_them(tmp_path):
    """The transaction is the caller's to end, so it is for the caller to know what happened."""
    engine = store.open_engine(f"sqlite:///{tmp_path}/queue.sqlite")
    store.upgrade(engine)
    client = Client(engine)
    client.add("x")
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE coserver_job")
    with pytest.raises(StoreUnavailable, match="no such table: coserver_job"):
        client.add("x")
    with pytest.raises(DBAPIError, match="no such table"), engine.connect() as connection:
        client.add("x", connection=connection)
    engine.dispose()


def test_waiting_comes_to_an_end(client):
    """Though the job doesn't."""
    with pytest.raises(TimeoutError, match=r"is still ready after 0.1 s"):
        client.wait(client.add("x"), timeout=0.1)


@pytest.mark.parametrize("job_id", ["01980cf2-53a1-7000-8000-0123456789ab", "no id", ""])
def test_a_job_that_is_not_there_is_an_error(client, job_id):
    """Also an id that no job could have."""
    with pytest.raises(JobNotFound):
        client.get(job_id)
    with pytest.raises(JobNotFound):
        client.cancel(job_id)
    with pytest.raises(JobNotFound):
        client.retry(job_id)


def test_a_client_may_use_an_engine_of_the_program(engine):
    """And leaves it open."""
    with Client(engine) as client:
        job_id = client.add("x")
    assert Client(engine).get(job_id).task == "x"


def test_importing_the_package_is_cheap():
    """SQLAlchemy comes with the client, not with the package."""
    code = (
        "import sys, coserver_consumer; assert 'sqlalchemy' not in sys.modules;"
        "coserver_consumer.Client; assert 'sqlalchemy' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "add",
    [
        lambda client: client.add("test", unique=""),
        lambda client: client.add_many("test", [{}, {}], unique=""),
        lambda client: client.job("test", unique=""),
        lambda client: client.add_jobs([NewJob(task="test", options=JobOptions(unique=""))]),
    ],
)
def test_an_empty_unique_key_is_refused(client, add):
    """A variable that isn't set must not make one job of all, whichever way it comes."""
    with pytest.raises(InvalidJob, match="is empty"):
        add(client)


@pytest.mark.parametrize(
    "change",
    [
        lambda c: claim.set_limit(c, "x", 2_000_000_001),
        lambda c: claim.set_limit(c, "x", -1),
        lambda c: claim.set_limit(c, "\udcff", 1),
        lambda c: manage.set_max_running(c, "default", 2_000_000_001),
        lambda c: manage.set_max_running(c, "default", True),
        lambda c: manage.set_rate(c, "default", 2_000_000_001, 1),
        lambda c: manage.set_rate(c, "default", 1, 1e10),
        lambda c: manage.set_rate(c, "default", 1, float("nan")),
    ],
)
def test_a_rule_that_a_column_cannot_hold_is_refused(engine, change):
    """By the store itself, so on every database alike."""
    with pytest.raises(InvalidJob):
        store.write(engine, change)
