"""The client's other half: many jobs at once, and waiting for many."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from coserver_consumer import Client, store
from coserver_consumer.errors import InvalidJob, JobNotFound, UnknownQueue, WrongState
from coserver_consumer.model.job import State, new_id
from coserver_consumer.model.lifecycle import complete
from coserver_consumer.producer import bulk
from coserver_consumer.store import claim, finish, manage
from coserver_consumer.store.schema import fragments, tables


@pytest.fixture
def mail(client, engine):
    """Three jobs in the queue mail, of the tasks a, a and b; one more in the default queue."""
    store.write(engine, lambda connection: manage.add_queues(connection, ["mail", "slow"]))
    ids = [client.add(task, queue="mail") for task in ("a", "a", "b")]
    client.add("a")
    return ids


@pytest.fixture
def take(engine):
    """Claim the first job of a queue."""

    def work(connection, queue):
        return claim.claim(connection, consumer=new_id(), queues=[queue], tasks=["a", "b"], limit=1)

    return lambda queue: store.write(engine, lambda connection: work(connection, queue))


def test_jobs_are_found_and_counted_by_filter(client, mail):
    """The newest first; one name says as much as a list of one."""
    assert [job.id for job in client.find(queues="mail", tasks=["a"])] == mail[1::-1]
    assert [job.id for job in client.find(queues="mail", limit=1, before=mail[2])] == [mail[1]]
    assert (client.count(), client.count(queues=["mail", "slow"])) == (4, 3)
    client.cancel(mail[0])
    assert client.count(states="cancelled", ended_since=timedelta(hours=1)) == 1
    assert client.count(states=[State.READY], since=3600, text=mail[2][-12:]) == 1
    assert client.count(since=datetime.now(UTC) + timedelta(days=2)) == 0


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"queue": "mail"}, "No filter is called 'queue'; known are: states, queues"),
        ({"states": ["redy"]}, r"states is \['redy'\], wanted some of staged"),
        ({"queues": []}, r"queues is \[\], wanted a name or several; leave it out for all"),
        ({"tasks": 5}, "tasks is 5"),
        ({"since": "yesterday"}, "since is 'yesterday', wanted a datetime with a time zone"),
        ({"since": datetime(2030, 1, 1)}, r"has no time zone.*\(UTC\) - t"),  # noqa: DTZ001  it is
        ({"owner": 5}, "owner is 5"),
        ({"text": ""}, "text is '', wanted text that isn't empty; leave it out for all"),
        ({"states": "ready", "owner": ""}, "owner is ''"),
        ({"site": ""}, "site is ''"),
        ({"ids": []}, r"ids is \[\], wanted ids of jobs, or a group; leave it out for all"),
        ({"ids": "abcd"}, "ids is a list, such as"),
        ({"ids": ["abcd"]}, "ids has 'abcd', which isn't the id of a job"),
        ({"tasks": ["a", ""]}, "tasks is ''"),
        ({"queues": [*map(str, range(1001))]}, "queues has 1001 names; the limit is 1000"),
    ],
)
def test_a_wrong_filter_is_refused(sqlite_client, wanted, said):
    """By each function that takes one: to change all jobs would be a bad mistake."""
    job_id = sqlite_client.add("a")
    for function in (sqlite_client.find, sqlite_client.count, sqlite_client.cancel_many):
        with pytest.raises(InvalidJob, match=said):
            function(**wanted)
    assert sqlite_client.get(job_id).state is State.READY


def test_many_are_changed_and_those_that_can_not_be_are_told(
    client, mail, take, engine, monkeypatch
):
    """Page by page; each change by default of the jobs that it is about."""
    monkeypatch.setattr(bulk, "PAGE_SIZE", 2)
    (running,) = take("mail")
    done = client.set_priority_many(7, queues="mail")
    assert (done.changed, done.refused) == (2, ())
    done = client.move_many("slow", queues="mail", states=["ready", "running"], by="jane")
    assert (done.changed, [each.job_id for each in done.refused]) == (2, [running.id])
    assert "is running" in done.refused[0].reason
    assert {(job.queue, job.priority) for job in client.find(queues="slow")} == {("slow", 7)}
    assert client.cancel_many(queues=["slow"]).changed == 2
    assert client.retry_many(queues="slow").changed == 0
    assert client.retry_many(queues="slow", states="cancelled").changed == 2
    assert client.count(queues="slow", states="ready") == 2
    row = tables.audit.c
    with engine.connect() as connection:
        moved = connection.execute(sa.select(row.who).where(row.action == "move")).scalars()
        assert list(moved) == ["jane"] * 2


def test_many_are_named_by_their_ids(client, mail, monkeypatch):
    """Each is changed, or told why it wasn't; other filters narrow them."""
    monkeypatch.setattr(fragments, "MAX_IDS", 2)
    unknown = new_id()
    ids = [*mail, mail[0].upper(), unknown]
    assert client.count(ids=ids) == 3
    assert [job.id for job in client.find(ids=iter(ids), limit=2)] == mail[:0:-1]
    client.cancel(mail[0])
    done = client.set_priority_many(7, ids=ids)
    assert done.changed == 2
    assert {each.job_id: each.reason for each in done.refused} == {
        mail[0]: f"Job {mail[0]} is cancelled; only while a job waits "
        "(blocked, ready, scheduled) its priority can be changed.",
        unknown: f"No job has the id {unknown}, or the filter doesn't let it through.",
    }
    done = client.move_many("slow", ids=mail, tasks="b")
    assert (done.changed, {each.job_id for each in done.refused}) == (1, {mail[0], mail[1]})
    assert client.retry_many(ids=mail[:1], states="failed").changed == 0
    assert client.retry_many(ids=mail[:1]).changed == 1
    group = client.group([client.job("a"), client.job("a")], on_failure=client.job("b"))
    assert client.cancel_many(ids=group).changed == 2
    assert client.count(states="cancelled") == 2


def test_it_must_be_said_which_jobs_are_changed(sqlite_client):
    """All of them is nothing that a variable without a value may say."""
    sqlite_client.add_many("a", [{}] * 3)
    for change in (
        sqlite_client.cancel_many,
        sqlite_client.retry_many,
        lambda **wanted: sqlite_client.set_priority_many(5, **wanted),
        lambda **wanted: sqlite_client.move_many("default", **wanted),
    ):
        for nothing in ({}, {"queues": None}):
            with pytest.raises(InvalidJob, match=r"Say which jobs.*or all=True"):
                change(**nothing)
        with pytest.raises(InvalidJob, match="all is 1, wanted True or False"):
            change(all=1)
    assert sqlite_client.count(states="ready") == 3
    assert sqlite_client.cancel_many(all=True).changed == 3


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("x" * 191, "by has 191 characters; the limit is 190"),
        ("a\0", "by has a NUL"),
        ("\ud800", "by has a lone surrogate"),
        (b"jane", "by is b'jane', wanted text"),
    ],
)
def test_who_changes_something_is_named_by_text(sqlite_client, by, said):
    """Of one job or of many, also where there are none."""
    client, job_id = sqlite_client, sqlite_client.add("a")
    changes = [
        lambda: client.cancel(job_id, by=by),
        lambda: client.retry(job_id, by=by),
        lambda: client.set_priority(job_id, 1, by=by),
        lambda: client.move(job_id, "default", by=by),
        lambda: client.cancel_many(tasks="none", by=by),
        lambda: client.retry_many(tasks="none", by=by),
        lambda: client.set_priority_many(1, tasks="none", by=by),
        lambda: client.move_many("default", tasks="none", by=by),
    ]
    for change in changes:
        with pytest.raises(InvalidJob, match=said):
            change()
    assert client.get(job_id).state is State.READY


def test_the_name_of_who_cancels_a_job_is_one_line(sqlite_client):
    """Its error is shown at terminals and in logs."""
    job_id = sqlite_client.add("a")
    sqlite_client.cancel(job_id, by="jane\n\x1b[31m")
    assert sqlite_client.get(job_id).error == r"cancelled by jane \x1b[31m"


def test_a_wrong_argument_of_many_changes_is_refused_once(sqlite_client):
    """Whether or not there are jobs that it would be for."""
    job_id = sqlite_client.add("a")
    for tasks in ("a", "none"):
        for wrong in ("x", 10**9):
            with pytest.raises(InvalidJob, match=f"priority is {wrong!r}"):
                sqlite_client.set_priority_many(wrong, tasks=tasks)
        with pytest.raises(InvalidJob, match="queue is 5"):
            sqlite_client.move_many(5, tasks=tasks)
        with pytest.raises(InvalidJob, match="kill is 'no', wanted True or False"):
            sqlite_client.cancel_many(tasks=tasks, kill="no")
    with pytest.raises(InvalidJob, match="kill is 'no'"):
        sqlite_client.cancel(job_id, kill="no")
    assert sqlite_client.get(job_id).state is State.READY


def test_one_job_is_moved_or_given_a_priority(client, mail, take):
    """At once, or with the caller's transaction."""
    client.move(mail[0], "slow", by="jane")
    client.set_priority(mail[0], -3)
    assert (client.get(mail[0]).queue, client.get(mail[0]).priority) == ("slow", -3)
    for move in (client.move, lambda _, queue: client.move_many(queue, all=True)):
        with pytest.raises(UnknownQueue, match="'slwo'"):
            move(mail[0], "slwo")
    (running,) = take("mail")
    with pytest.raises(WrongState, match="is running"):
        client.set_priority(running.id, 1)


def test_a_change_in_the_callers_transaction_is_committed_with_it(client, engine, mail):
    """Or not at all."""
    with engine.connect() as connection:
        client.move(mail[0], "slow", connection=connection)
        client.set_priority(mail[0], 9, connection=connection)
        assert client.count(queues="slow", connection=connection) == 1
        connection.rollback()
    assert (client.get(mail[0]).queue, client.get(mail[0]).priority) == ("mail", 0)


def test_many_jobs_are_waited_for_with_one_look(client, mail, take, engine):
    """They come in the order asked for; who waits in vain learns how many are left."""
    (first,) = take("mail")
    store.write(engine, lambda c: finish.end_attempts(c, [complete(first, {"n": 1})]))
    with pytest.raises(TimeoutError, match=r"2 of 3 jobs haven't ended after 0 s: job .* ready"):
        client.wait_many(mail, timeout=0)
    client.cancel_many(queues="mail")
    statements = []
    sa.event.listen(
        client._engine, "before_cursor_execute", lambda *said: statements.append(said[2])
    )
    found = client.wait_many(reversed(mail), timeout=0)
    assert [job.id for job in found] == mail[::-1]
    assert (found[2].result, found[0].state) == ({"n": 1}, State.CANCELLED)
    selects = [each for each in statements if each.startswith("SELECT") and "FROM cos" in each]
    assert len([each for each in statements if "FROM coserver_" in each]) == 2, selects


def test_of_a_group_the_members_are_waited_for(sqlite_client):
    """What follows them may never run."""
    group = sqlite_client.group(
        [sqlite_client.job("a"), sqlite_client.job("a")], on_success=sqlite_client.job("b")
    )
    with pytest.raises(TimeoutError, match="2 of 2 jobs"):
        sqlite_client.wait_many(group, timeout=0)
    sqlite_client.cancel_many(tasks="a")
    assert [job.state for job in sqlite_client.wait_many(group, 0)] == [State.CANCELLED] * 2


def test_of_a_group_the_job_that_has_a_member_s_key_is_waited_for(client):
    """It does the member's work; of two members with one key it is one of them."""
    holder = client.add("a", unique="held")
    members = [client.job("a", unique=key) for key in ("held", "k", "k")]
    group = client.group([*members, client.job("a")], on_success=client.job("b"))
    ids = [job.id for job in group.members]
    assert ids[:3] == [holder, members[1].id, members[1].id]
    assert client.get(group.on_success.id).waits_for == 3
    client.cancel_many(tasks="a")
    assert [job.id for job in client.wait_many(group, 0)] == ids
    assert [*group.on_success.options.after] == [*dict.fromkeys(ids)]


def test_who_waits_for_a_job_that_is_not_there_learns_it_at_once(client: Client, mail):
    """Also among others that are, and for what can be no id."""
    for unknown in (new_id(), "nonsense"):
        with pytest.raises(JobNotFound, match=unknown):
            client.wait_many([*mail, unknown])
    with pytest.raises(InvalidJob, match="a list of ids"):
        client.wait_many(mail[0])
