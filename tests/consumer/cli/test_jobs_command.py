"""``coserver jobs`` and what names a job: ids in part, results, and changes of many jobs."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from coserver_consumer import Client, store
from coserver_consumer.model.job import State
from coserver_consumer.model.lifecycle import complete, fail
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.outcome import Failed
from coserver_consumer.producer import bulk
from coserver_consumer.store import claim, finish, manage
from coserver_consumer.store.schema import tables
from support.consumers import register
from support.terminal import run_in_terminal

COSERVER = Path(sys.executable).with_name("coserver")
CONSUMER = "01980cf2-53a1-7000-8000-0123456789ab"
HOUR = 3600 * store.SECOND


@pytest.fixture
def end(engine):
    """Claim all jobs that are ready, and end them as the function says."""

    def work(connection, how):
        tasks = ["http", "test"]
        queues = manage.queues(connection)
        jobs = claim.claim(connection, consumer=CONSUMER, queues=queues, tasks=tasks, limit=1000)
        finish.end_attempts(connection, [how(job) for job in jobs])

    return lambda how: store.write(engine, lambda connection: work(connection, how))


@pytest.fixture
def failed(client, engine, end):
    """Five jobs that failed for good: three of queue mail, two of them of the task http."""
    store.write(engine, lambda connection: manage.add_queue(connection, "mail"))
    ids = [
        client.add(task, queue=queue, max_attempts=1)
        for queue, task in [("mail", "http")] * 2 + [("mail", "test")] + [("default", "test")] * 2
    ]
    end(lambda job: fail(job, Failed(error="the sea is too wide")))
    return ids


def states(client, ids):
    """Return the states of jobs as text."""
    return [client.get(job_id).state.value for job_id in ids]


# Ids in part


def test_a_job_is_known_by_the_beginning_or_the_end_of_its_id(client, engine, end):
    """With or without dashes, live or ended; on every database."""
    ended = client.add("test")
    end(lambda job: complete(job, 1))
    live = client.add("http")
    find = lambda said: store.read(engine, lambda c: manage.find_id(c, said))  # noqa: E731
    for job_id in (ended, live):
        for said in (job_id, job_id[-8:], job_id[-14:], job_id.replace("-", "")[-21:].upper()):
            assert find(said) == job_id
        assert find(job_id[:-2]) == find(job_id.replace("-", "")[:-2]) == job_id


def test_what_several_ids_begin_or_end_with_is_no_id(database_url, client, engine, call):
    """The message lists them; nothing is changed."""
    ids = ["01980cf2-53a1-7000-8000-01230000abcd", "01980cf2-53a1-7000-8000-01239999abcd"]
    client.add_jobs([NewJob(task="test", id=job_id) for job_id in ids])
    for said in ("abcd", "01980cf2"):
        done = call(database_url, "jobs", "cancel", said)
        assert done.exit_code == 2
        assert all(job_id in done.stderr for job_id in ids)
    assert states(client, ids) == ["ready", "ready"]
    assert "is cancelled" in call(database_url, "jobs", "cancel", "0000abcd").stdout
    assert states(client, ids) == ["cancelled", "ready"]


@pytest.mark.parametrize("said", ["abc", "wxyz", "%", "_" * 36, "", "0" * 33])
def test_what_can_be_no_part_of_an_id_finds_no_job(sqlite_url, sqlite_client, call, said):
    """Fewer than four characters would soon be those of another job."""
    sqlite_client.add("test")
    done = call(sqlite_url, "jobs", "show", "--", said)
    assert (done.exit_code, "No job has the id" in done.stderr) == (3, True)


def test_every_command_takes_a_part_of_an_id(sqlite_url, sqlite_client, call, ask):
    """Wherever a job is named."""
    first, second = sqlite_client.add("test"), sqlite_client.add("test")
    short = first[-8:]
    assert ask(sqlite_url, "jobs", "show", short)["id"] == first
    assert ask(sqlite_url, "why", short)["id"] == first
    after = call(sqlite_url, "add", "http", "--after", short).stdout.strip()
    assert sqlite_client.get(after).waits_for == 1
    before = ask(sqlite_url, "jobs", "list", "--before", second[-8:])
    assert [job["id"] for job in before] == [first]
    assert call(sqlite_url, "jobs", "cancel", short).exit_code == 0
    assert call(sqlite_url, "jobs", "retry", short).exit_code == 0
    assert sqlite_client.get(first).state is State.READY


def test_in_a_narrow_terminal_id_and_state_are_whole(sqlite_url, sqlite_client):
    """The id so far as is needed to name the job; what else is too long is cut."""
    long = [sqlite_client.add("test", title="A long title " * 9) for _ in range(3)]
    command = [COSERVER, "--database", sqlite_url, "jobs"]
    shown = run_in_terminal([*command, "list"]).text.strip().splitlines()
    assert max(map(len, shown)) <= 80
    assert [line.split()[:2] for line in shown[1:]] == [[each[-8:], "ready"] for each in long[::-1]]
    wide = run_in_terminal([*command, "list", "--wide"]).text
    assert all(job_id in wide for job_id in long)


def test_in_a_pipe_a_list_has_a_whole_line_for_each_job(sqlite_url, sqlite_client, call):
    """As cut and grep want it."""
    title = "A title\nof two lines " + "and more " * 50
    ids = [sqlite_client.add("test", title=title) for _ in range(2)]
    _, *lines = call(sqlite_url, "jobs", "list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ids[::-1]
    assert all(" ".join(title.split()) in line for line in lines)


# Results


def test_a_result_is_written_once_there_is_one(database_url, client, call, end):
    """As JSON; until then, and if it wasn't kept, it is an error."""
    job_id = client.add("test")
    waiting = call(database_url, "jobs", "result", job_id)
    assert (waiting.exit_code, "is still ready" in waiting.stderr) == (1, True)
    end(lambda job: complete(job, {"a": 1}))
    assert json.loads(call(database_url, "jobs", "result", job_id[-8:]).stdout) == {"a": 1}
    large = client.add("test")
    end(lambda job: complete(job, "x" * 70_000))
    refused = call(database_url, "jobs", "result", large)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "wasn't kept: it has 70002 characters" in refused.stderr


# Many jobs


def test_the_jobs_that_failed_are_run_again_by_filter(database_url, client, failed, call):
    """Those that the filters let through, and no others."""
    options = ["--queue", "mail", "--task", "http", "--ended-since", "2h"]
    done = call(database_url, "jobs", "retry", *options, "--yes")
    assert (done.exit_code, done.stderr.strip()) == (0, "")
    assert states(client, failed) == ["ready"] * 2 + ["failed"] * 3


@pytest.mark.parametrize("command", ["retry", "cancel"])
def test_an_id_that_is_named_twice_counts_once(database_url, client, failed, call, command):
    """As by a shell's list that was put together from two; the second is another spelling."""
    job_id = failed[0] if command == "retry" else client.add("test")
    done = call(database_url, "jobs", command, job_id, job_id[-12:])
    assert (done.exit_code, len(done.stdout.splitlines())) == (0, 1)


def test_a_dry_run_counts_and_changes_nothing(database_url, client, failed, call):
    """By state, queue and task."""
    said = call(database_url, "jobs", "retry", "--state", "failed", "--dry-run").stdout
    assert [line.split() for line in said.splitlines()[1:]] == [
        ["failed", "default", "test", "2"],
        ["failed", "mail", "http", "2"],
        ["failed", "mail", "test", "1"],
    ]
    assert states(client, failed) == ["failed"] * 5


def test_a_script_must_say_that_it_is_sure(sqlite_url, sqlite_client, call):
    """Nobody sits there to be asked."""
    job_id = sqlite_client.add("test")
    done = call(sqlite_url, "jobs", "cancel", "--queue", "default")
    assert (done.exit_code, "1 job would be changed: say --yes" in done.stderr) == (2, True)
    assert sqlite_client.get(job_id).state is State.READY


@pytest.mark.parametrize("option", ["--queue", "--task", "--owner", "--site", "--text"])
def test_an_empty_option_does_not_choose_all_jobs(sqlite_url, sqlite_client, call, option):
    """As by a variable of a shell that isn't set; also beside an option or an id that says much."""
    job_id = sqlite_client.add("test")
    for more in (["--yes"], ["--state", "ready", "--yes"], [job_id]):
        done = call(sqlite_url, "jobs", "cancel", *more, option, "")
        assert (done.exit_code, f"'{option}': It is empty" in done.stderr) == (2, True)
    assert sqlite_client.get(job_id).state is State.READY


@pytest.mark.parametrize(("types", "code", "state"), [("n\n", 1, "ready"), ("y\n", 0, "cancelled")])
def test_somebody_is_asked_before_many_jobs_are_changed(
    sqlite_url, sqlite_client, types, code, state
):
    """With their number."""
    ids = sqlite_client.add_many("test", [{}] * 12)
    command = [COSERVER, "--database", sqlite_url, "jobs", "cancel", "--task", "test"]
    shown = run_in_terminal(command, types=types)
    assert (shown.code, "Cancel: 12 jobs? [y/N]" in shown.text) == (code, True)
    assert set(states(sqlite_client, ids)) == {state}
    assert ("12 jobs are cancelled." in shown.text) is (code == 0)


def test_jobs_that_cannot_be_changed_spoil_no_others(
    database_url, client, engine, failed, call, monkeypatch
):
    """A key that another job holds, and a row that the database refuses; page by page."""
    monkeypatch.setattr(bulk, "PAGE_SIZE", 2)
    held, odd = failed[1], failed[3]
    history = tables.history
    with engine.begin() as connection:
        for job_id, values in ((held, {"unique_key": "k"}), (odd, {"timeout": -1.0})):
            row = sa.update(history).where(history.c.id == job_id)
            connection.execute(row.values(**values))
    client.add("test", unique="k")
    done = call(database_url, "jobs", "retry", "--state", "failed", "--yes", "--json")
    assert done.exit_code == 1
    said = json.loads(done.stdout)
    assert said["refused"].keys() == {held, odd}
    assert "timeout" in said["refused"][odd]
    assert said["changed"].keys() == set(failed) - {held, odd}
    assert states(client, failed) == ["ready", "failed", "ready", "failed", "ready"]


def test_no_jobs_is_no_error(sqlite_url, call):
    """A cron job may find nothing to do."""
    done = call(sqlite_url, "jobs", "retry", "--queue", "mail", "--yes")
    assert (done.exit_code, done.stdout) == (0, "No jobs.\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["retry"], "Say which jobs"),
        (["cancel", "--yes"], "Say which jobs"),
        (["retry", CONSUMER, "--state", "failed"], "not by both"),
        (["list", "--since", "soon"], "neither a span"),
        (["list", "--since", "9" * 20 + "w"], "is too long"),
    ],
)
def test_it_must_be_said_which_jobs(sqlite_url, call, arguments, said):
    """All jobs there are is nothing that somebody wants by mistake."""
    done = call(sqlite_url, "jobs", *arguments)
    assert (done.exit_code, said in done.stderr) == (2, True)


def test_jobs_are_found_by_when_they_were_queued_and_have_ended(
    database_url, client, engine, end, ask
):
    """By the database's clock."""
    old, new = client.add("http"), client.add("http")
    end(lambda job: complete(job, 1))
    live = client.add("http")
    history = tables.history
    with engine.begin() as connection:
        before = {name: history.c[name] - 3 * HOUR for name in ("created_at", "ended_at")}
        connection.execute(sa.update(history).where(history.c.id == old).values(**before))
    found = lambda *options: [job["id"] for job in ask(database_url, "jobs", "list", *options)]  # noqa: E731
    assert found("--since", "2h") == [live, new]
    assert found("--since", "1d") == [live, new, old]
    assert found("--ended-since", "120m") == [new]
    assert found("--ended-since", datetime.now(UTC).isoformat()) == []


# Where they wait


def test_jobs_are_counted_by_filter(database_url, client, failed, ask, call):
    """By state, queue and task."""
    client.add("http", queue="mail")
    counts = ask(database_url, "jobs", "count", "--queue", "mail", "--task", "http")
    assert [(each["state"], each["number"]) for each in counts] == [("failed", 2), ("ready", 1)]
    assert call(database_url, "jobs", "count", "--state", "running").stdout == "No jobs.\n"


def test_jobs_are_moved_and_given_priorities(database_url, client, failed, call, ask):
    """By ids or filters, as they are retried; those of an unknown queue or number aren't."""
    waiting = client.add_many("http", [{}] * 2, queue="mail")
    done = call(database_url, "jobs", "priority", "--to", "-7", waiting[0][-8:])
    assert done.stdout == f"Job {waiting[0]} is at priority -7 now.\n"
    options = ["--to", "default", "--queue", "mail"]
    assert "ready" in call(database_url, "jobs", "move", *options, "--dry-run").stdout
    said = ask(database_url, "jobs", "move", *options, "--yes")
    assert said == {"changed": dict.fromkeys(waiting[::-1], "in queue default now"), "refused": {}}
    job = client.get(waiting[0])
    assert (job.queue, job.priority) == ("default", -7)
    refused = call(database_url, "jobs", "move", "--to", "mail", failed[0])
    assert (refused.exit_code, "is failed; only while a job waits" in refused.stderr) == (1, True)
    for wrong in (["move", "--to", "mial"], ["priority", "--to", "many"]):
        assert call(database_url, "jobs", *wrong, *waiting).exit_code in (1, 2)
    assert client.get(waiting[0]).queue == "default"


# Adding


def test_a_task_that_nobody_knows_is_refused(sqlite_url, call, ask):
    """A typing error would wait for ever."""
    done = call(sqlite_url, "add", "nonsense")
    assert (done.exit_code, done.stdout) == (1, "")
    assert (
        "No task is called 'nonsense'; known to living consumers or installed here are: call, "
        in (done.stderr)
    )
    assert ask(sqlite_url, "jobs", "list") == []
    assert call(sqlite_url, "add", "nonsense", "--unknown-task-ok").exit_code == 0


@pytest.mark.parametrize(("silence", "code"), [(0, 0), (3600, 1)])
def test_a_task_that_a_living_consumer_knows_is_taken(database_url, engine, call, silence, code):
    """Whether it is installed here or not."""
    register(engine, task="mail.send", silence=silence)
    assert call(database_url, "add", "mail.send").exit_code == code


@pytest.mark.parametrize("task", ["view", "call", "xmlrpc"])
def test_a_job_that_only_zope_can_sign_is_refused(sqlite_url, call, ask, task):
    """It would fail as soon as it ran; the message says where it can be queued."""
    for more in ([], ["--unknown-task-ok"]):
        done = call(sqlite_url, "add", task, "path=/Plone", *more)
        assert (done.exit_code, "collective.coserver.queue.add" in done.stderr) == (2, True)
    assert ask(sqlite_url, "jobs", "list") == []


def test_a_queue_may_have_a_space_in_its_name(sqlite_url, call, ask, monkeypatch):
    """The message with the command that makes it can be copied."""
    said = call(sqlite_url, "add", "http", "--queue", "daily mail").stderr
    assert "coserver queues add 'daily mail'`" in said
    call(sqlite_url, "queues", "add", "daily mail")
    with Client(sqlite_url) as client:
        assert client.get(client.add("http", queue="daily mail")).queue == "daily mail"
