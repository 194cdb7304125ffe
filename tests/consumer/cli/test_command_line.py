"""The command ``coserver`` as people and programs call it, on real databases."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from coserver_consumer import store
from coserver_consumer.cli import COMMANDS
from coserver_consumer.cli.queues import write_counts
from coserver_consumer.model.job import State
from coserver_consumer.model.lifecycle import retry
from coserver_consumer.model.outcome import Failed
from coserver_consumer.store import claim, finish, manage
from demo.ports import free_port
from support.consumers import register
from support.databases import day_partitions, fresh_database
from support.http_server import serve
from support.waiting import PATIENCE
from support.zope_services import ZopeServices

SECRET = "0123456789abcdef0123456789abcdef"

COSERVER = Path(sys.executable).with_name("coserver")
NO_SUCH_JOB = "01980cf2-53a1-7000-8000-0123456789ab"


def call_process(url, *arguments, **environment):
    """Run ``coserver`` in a process of its own."""
    return subprocess.run(
        [COSERVER, *arguments],
        env=os.environ | {"COSERVER_DATABASE": url} | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_a_queue_from_its_making_to_its_first_jobs(empty_database_url, call, ask):
    """On each kind of database: init, add, list, show, cancel, retry, status, upgrade."""
    url = empty_database_url
    made = call(url, "init")
    assert (made.exit_code, "were made" in made.stdout) == (0, True)
    assert made.stderr == ""
    assert len(find_days(url)) == (7 if url.startswith("postgresql") else 0)
    job_id = call(
        url, "add", "mail.send", "--unknown-task-ok", "to=a@example.com", "n=3", "--title", "A mail"
    ).stdout
    [listed] = ask(url, "jobs", "list")
    assert (listed["id"], listed["state"]) == (job_id.strip(), "ready")
    assert listed["args"] == {"to": "a@example.com", "n": 3}
    assert "is cancelled" in call(url, "jobs", "cancel", listed["id"]).stdout
    shown = ask(url, "jobs", "show", listed["id"])
    assert [moment["what"].split()[0].strip(",:") for moment in shown["timeline"]] == [
        "created",
        "cancelled",
    ]
    assert "is ready to run again" in call(url, "jobs", "retry", listed["id"]).stdout
    status = {"queues": {"default": {"ready": 1}}, "rules": {}, "consumers": []}
    assert ask(url, "status") == status
    assert "are up to date" in call(url, "upgrade").stdout


def find_days(url):
    """Return the partitions of the history that are there for the coming days."""
    engine = store.open_engine(url)
    with engine.connect() as connection:
        found = day_partitions(connection)
    engine.dispose()
    return found


@pytest.mark.parametrize(
    ("number", "is_said"), [(manage.MAX_COUNTED - 2, False), (manage.MAX_COUNTED, True)]
)
def test_it_is_said_that_only_the_newest_are_counted(capsys, number, is_said):
    """If there are more; live jobs are all counted."""
    live = {State.READY: manage.MAX_COUNTED}
    write_counts({"default": {State.COMPLETED: number - 1, State.FAILED: 1}, "mail": live}, {})
    assert ("the newest 100,000 are counted" in capsys.readouterr().out) is is_said


def test_it_is_a_program(sqlite_url):
    """What it writes goes to standard output, what is wrong to standard error."""
    done = call_process(sqlite_url, "add", "http")
    assert (done.returncode, done.stderr) == (0, "")
    shown = call_process(sqlite_url, "jobs", "show", done.stdout.strip(), "--json")
    assert json.loads(shown.stdout)["task"] == "http"
    missing = call_process(sqlite_url, "jobs", "show", NO_SUCH_JOB)
    assert (missing.returncode, missing.stdout) == (3, "")
    assert missing.stderr == (
        f"Error: No job has the id {NO_SUCH_JOB}: it never was committed, or was pruned.\n"
    )


def test_help_lists_every_command_and_the_exit_codes(sqlite_url, call):
    """Who reads it needs nothing else to begin."""
    said = call(sqlite_url, "--help").stdout
    assert all(f"  {name} " in said for name in COMMANDS)
    assert "Exit codes: 0 " in said
    assert "coserver init --database postgresql://" in said


def test_the_database_may_be_named_before_or_after_the_command(sqlite_url, call):
    """And outweighs the environment."""
    wrong = "sqlite:////nowhere/at/all"
    for arguments in (["--database", sqlite_url, "status"], ["status", "--database", sqlite_url]):
        assert call(wrong, *arguments).exit_code == 0


def test_the_timeline_shows_each_attempt_with_its_error(sqlite_url, sqlite_client, call):
    """And the last traceback."""
    job_id = sqlite_client.add("test")
    engine = store.open_engine(sqlite_url)

    def fail(connection):
        [job] = claim.claim(
            connection, consumer=NO_SUCH_JOB, queues=["default"], tasks=["test"], limit=1
        )
        failure = Failed(error="no wind", traceback="Traceback: line 1")
        finish.end_attempts(connection, [retry(job, failure, 600)])

    store.write(engine, fail)
    engine.dispose()
    said = call(sqlite_url, "jobs", "show", job_id).stdout
    created, failed, due = (
        said.index(text)
        for text in ("created, for queue default", "attempt 1 failed: no wind", "  due")
    )
    assert created < failed < due
    assert "Traceback: line 1" in said


def test_a_list_can_be_narrowed(sqlite_url, sqlite_client, ask):
    """By state and text, and page by page."""
    first, second, third = sqlite_client.add_many("test", [{}] * 3, title="A boat")
    sqlite_client.cancel(second)
    live = ask(sqlite_url, "jobs", "list", "--state", "ready", "--text", "boat")
    assert [job["id"] for job in live] == [third, first]
    page = ask(sqlite_url, "jobs", "list", "--before", third, "--limit", "1")
    assert [job["id"] for job in page] == [second]


def test_a_table_shows_text_as_it_is(sqlite_url, sqlite_client, call):
    """Titles come from anywhere: no markup, no escape sequences for the terminal."""
    sqlite_client.add("test", title="[red]a[/] \x1b[2Jb")
    said = call(sqlite_url, "jobs", "list").stdout
    assert "[red]a[/]" in said
    assert "\x1b" not in said


def test_a_job_may_have_any_option(sqlite_url, sqlite_client, call, tmp_path):
    """As the client has them."""
    payload = tmp_path / "payload"
    payload.write_bytes(b"\x00\xff")
    options = ["--args", '{"a": [1]}', "--priority", "-2", "--eta", "2030-01-31T08:00+01:00"]
    options += ["--max-attempts", "1", "--timeout", "9", "--unique", "u", "--requires", "x"]
    done = call(sqlite_url, "add", "http", "b=text", *options, "--payload", str(payload))
    job = sqlite_client.get(done.stdout.strip())
    assert (job.args, job.payload) == ({"a": [1], "b": "text"}, b"\x00\xff")
    assert (job.priority, job.max_attempts, job.timeout) == (-2, 1, 9)
    assert (job.unique_key, job.requires, job.run_at) == ("u", ("x",), 1_896_073_200_000_000)


def test_the_tasks_are_listed_and_what_they_miss(sqlite_url, call, ask):
    """Without the secret a consumer can't run what runs in Zope."""
    listed = ask(sqlite_url, "tasks")
    assert "'http_allow' is missing" in listed["off"]["http"]
    assert "'secret' is missing" in listed["off"]["call"]
    given = {"COSERVER_SECRET": "s" * 32, "COSERVER_HTTP_ALLOW": "example.com"}
    said = call(sqlite_url, "tasks", **given).stdout
    assert [line.split() for line in said.splitlines()][1:3] == [["call", "on"], ["http", "on"]]


def test_functions_can_only_be_listed_while_zope_answers(sqlite_url, call):
    """One line says where it was asked."""
    address = f"http://127.0.0.1:{free_port()}"
    settings = {"COSERVER_SECRET": "s" * 32, "COSERVER_ZOPE_URL": address}
    done = call(sqlite_url, "tasks", "--zope", **settings)
    said = f"Zope can't be asked: {address}: no connection"
    assert (done.exit_code, said in done.stderr) == (1, True)


def test_queues_are_made_and_listed(sqlite_url, call, ask):
    """A job for one that isn't known is refused, with the command that makes it."""
    refused = call(sqlite_url, "add", "http", "--queue", "mail")
    assert refused.exit_code == 1
    assert "coserver queues add mail" in refused.stderr
    assert call(sqlite_url, "queues", "add", "mail").exit_code == 0
    assert call(sqlite_url, "add", "http", "--queue", "mail").exit_code == 0
    assert ask(sqlite_url, "queues", "list") == {"default": {}, "mail": {"ready": 1}}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["jobs", "show", NO_SUCH_JOB], 3, "No job has the id"),
        (["jobs", "show", "x"], 3, "No job has the id x"),
        (["jobs", "cancel", NO_SUCH_JOB], 3, "No job has the id"),
        (["jobs", "list", "--state", "lost"], 2, "'lost'"),
        (["jobs", "list", "--config", "/no/such/file"], 2, "No such file"),
        (["add", "http", "--args", "{"], 2, "isn't JSON"),
        (["add", "http", "--args", "[]"], 2, "isn't a JSON object"),
        (["add", "http", "nothing"], 2, "isn't KEY=VALUE"),
        (["add", "http", "url=a", "url=b"], 2, "'url' is given twice"),
        (["add", "http", "--args", '{"a": [{"b": 1, "b": 2}]}'], 2, "--args: 'b' is given twice"),
        (["add", "http", 'json={"a": 1, "a": 2}'], 2, "json: 'a' is given twice"),
        (["add", "http", "--args", ""], 2, "isn't JSON"),
        (["add", "http", "--args", '{"a": NaN}'], 2, "isn't JSON: NaN is no number of JSON's"),
        (["add", "http", "--unknown-task-ok", "--requires", ""], 2, "requires has ''"),
        (["add", "http", "--unknown-task-ok", "--limit", ""], 2, "limit is empty"),
        (["add", "http", "--accepts-failure"], 2, "accepts_failure goes with after"),
        (["add", "http", "--eta", "soon"], 2, "isn't a time"),
        (["add", "http", "--delay", "inf"], 2, "delay is inf, wanted seconds"),
        (["add", "http", "--max-attempts", "0"], 2, "max_attempts is 0"),
        (["fly"], 2, "'fly'"),
    ],
)
def test_a_mistake_is_one_line_and_an_exit_code(sqlite_url, call, arguments, code, said):
    """Nobody is shown a traceback."""
    done = call(sqlite_url, *arguments)
    assert done.exit_code == code
    assert said in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("Error: ")
    assert "Traceback" not in done.stderr
    assert not done.stdout


@pytest.mark.parametrize(
    ("url", "code", "said"),
    [
        ("", 2, "'database' is missing"),
        ("oracle://queue:hunter2@db/queue", 2, "'database' in the environment is wrong"),
        ("sqlite:////no/such/folder/queue.sqlite", 1, "unable to open database file"),
        ("postgresql://queue:hunter2@127.0.0.1:1/queue", 1, "can't be reached"),
        ("mysql://queue:hunter2@127.0.0.1:1/queue", 1, "can't be reached"),
    ],
)
def test_a_database_that_cannot_be_used_is_one_line_without_a_password(call, url, code, said):
    """The line says where it was looked for."""
    done = call(url, "status")
    assert (done.exit_code, said in done.stderr) == (code, True)
    assert len(done.stderr.splitlines()) == 1
    assert "hunter2" not in done.stderr


def test_what_the_database_refuses_is_one_line(call, tmp_path):
    """In its own words, without the statement."""
    file = tmp_path / "queue.sqlite"
    file.write_text("something else than a database, and long enough to be read as one" * 20)
    done = call(f"sqlite:///{file}", "status")
    assert (done.exit_code, len(done.stderr.splitlines())) == (1, 1)
    assert "file is not a database" in done.stderr


def test_changes_of_several_jobs_are_all_made_or_none(sqlite_url, sqlite_client, call):
    """A typing error in the third id must not leave the first two changed."""
    job_id = sqlite_client.add("test")
    assert call(sqlite_url, "jobs", "cancel", job_id, NO_SUCH_JOB).exit_code == 3
    assert sqlite_client.get(job_id).state is State.READY
    assert call(sqlite_url, "jobs", "retry", job_id).exit_code == 1


def test_the_doctor_finds_what_is_missing_and_says_what_to_do(sqlite_url, call, ask):
    """Warnings leave the exit code at 0: other jobs than Zope's run."""
    address = f"http://127.0.0.1:{free_port()}"
    done = call(sqlite_url, "doctor")
    assert done.exit_code == 0
    for text in ("its tables are up to date", "Start one with `coserver run`", "openssl rand"):
        assert text in done.stdout
    done = call(sqlite_url, "doctor", COSERVER_ZOPE_URL=address, COSERVER_SECRET="s" * 32)
    assert done.exit_code == 0
    assert f"{address}: no connection" in done.stdout
    findings = {each["name"]: each for each in ask(sqlite_url, "doctor")}
    assert findings["clock"]["verdict"] == "good"
    assert findings["secret"]["verdict"] == "warning"


def test_the_doctor_tells_of_jobs_that_nobody_would_run(database_url, client, engine, ask):
    """Of queues that no living consumer serves, and of tasks that none knows."""
    register(engine, task="thumb", name="dead", silence=3600)
    register(engine, task="mail.send", queues=("mail",))
    store.write(engine, lambda connection: manage.add_queue(connection, "mail"))
    client.add_many("mail.sned", [{}] * 3, queue="mail")
    client.add("mail.send", queue="mail")
    said = {each["name"]: each["text"] for each in ask(database_url, "doctor")}
    assert said["queues"] == "nobody serves default"
    assert said["jobs"] == "no living consumer knows what 3 jobs in mail want: mail.sned"


@pytest.mark.parametrize("command", ["doctor", "run"])
def test_a_weak_secret_is_told(sqlite_url, command, tmp_path):
    """By the doctor, and by a consumer at its start, which then says that Zope can't be started."""
    given = {
        "COSERVER_SECRET": "password1234" * 3,
        "COSERVER_ZOPE_CONF": str(tmp_path / "none.conf"),
    }
    done = call_process(sqlite_url, command, **given)
    assert "secret repeats itself" in done.stdout + done.stderr
    assert "openssl rand -hex 32" in done.stdout + done.stderr


def test_the_doctor_ends_with_1_when_no_consumer_could_work(call, tmp_path):
    """Here the tables are missing."""
    with fresh_database("sqlite", tmp_path) as url:
        done = call(url, "doctor")
    assert done.exit_code == 1
    assert "Run `coserver init`" in done.stdout


@contextmanager
def refused_writes(url, how):
    """Yield the address of the same database while it takes nothing."""
    address = sa.make_url(url)
    match address.get_backend_name():
        case "postgresql":
            yield f"{url}?options=-c%20default_transaction_read_only%3Don"
        case "mysql":
            yield f"{url}?init_command=SET%20SESSION%20TRANSACTION%20READ%20ONLY"
        case _:
            with sa.create_engine(url).connect() as connection:
                connection.exec_driver_sql("VACUUM")  # or the pages to spare would be filled first
            pragma = {"full": "max_page_count = 1", "read-only": "query_only = on"}[how]

            def set_up(connection, record, proxy):
                connection.execute(f"PRAGMA {pragma}").fetchall()

            sa.event.listen(sa.pool.Pool, "checkout", set_up)
            yield url
            sa.event.remove(sa.pool.Pool, "checkout", set_up)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("read-only", "READ ONLY|read-?only database|read-only transaction"),
        ("full", "full|READ ONLY|read-only"),
    ],
)
def test_the_doctor_finds_that_nothing_can_be_written(database_url, call, how, said):
    """No consumer could claim a job, or end one, in such a database."""
    with refused_writes(database_url, how) as url:
        done = call(url, "doctor")
    assert re.search(f"BAD .*: .*({said})", done.stdout)
    assert done.exit_code == 1


def test_the_doctor_leaves_nothing_behind(database_url, call, consumers):
    """What it tries to write isn't there a moment later, nor is it seen by others."""
    done = call(database_url, "doctor")
    assert "takes what consumers write" in done.stdout
    assert done.exit_code == 0
    assert not consumers()


@pytest.mark.parametrize(
    ("settings", "more", "said"),
    [
        ({"secret": SECRET[::-1]}, {}, "has another secret"),
        ({"secret": SECRET[::-1]}, {"COSERVER_ZOPE_CONF": __file__}, "has another secret"),
        ({"knows": False}, {}, "uses another queue's database"),
    ],
    ids=["secret", "secret of its own Zope", "queue"],
)
def test_the_doctor_asks_zope_whether_it_belongs_to_this_consumer(
    sqlite_url, call, settings, more, said
):
    """What a consumer couldn't do is bad, and every sentence names the setting."""
    with serve(ZopeServices(**{"secret": SECRET, **settings})) as server:
        options = {"COSERVER_ZOPE_URL": server.url, "COSERVER_SECRET": SECRET, **more}
        done = call(sqlite_url, "doctor", **options)
    assert done.exit_code == 1
    assert f"BAD      zope       {server.url}: it {said}" in done.stdout


def test_the_doctor_says_that_zope_can_run_jobs(sqlite_url, call):
    """By its proof that it has the same secret."""
    with serve(ZopeServices(secret=SECRET)) as server:
        options = {"COSERVER_ZOPE_URL": server.url, "COSERVER_SECRET": SECRET}
        done = call(sqlite_url, "doctor", **options)
    assert done.exit_code == 0
    assert f"{server.url} can run jobs: it has the same secret" in done.stdout


@pytest.mark.parametrize("command", ["doctor", "run"])
def test_a_secret_file_that_cannot_be_read_is_an_error(sqlite_url, call, tmp_path, command):
    """It was given, so Zope's jobs are meant to run."""
    done = call(sqlite_url, command, COSERVER_SECRET_FILE=str(tmp_path / "nowhere"))
    assert done.exit_code == {"doctor": 1, "run": 2}[command]
    assert "Setting 'secret_file' is wrong: can't read" in done.stdout + done.stderr


def test_no_consumer_runs_where_zope_runs_the_jobs_itself(sqlite_url, call):
    """The same settings say so."""
    done = call(sqlite_url, "run", COSERVER_EAGER="yes")
    assert done.exit_code == 2
    assert "Setting 'eager' is on, so Zope runs the jobs itself" in done.stderr


@pytest.mark.parametrize("command", ["doctor", "run"])
def test_a_wrong_list_of_what_may_be_called_is_an_error(sqlite_url, call, command):
    """It was given, so jobs are meant to call what is on it: the task isn't left off."""
    done = call(sqlite_url, command, COSERVER_HTTP_ALLOW="api.example.com, hooks.example.com/v1")
    said = "'hooks.example.com/v1' has a path, so it needs http:// or https://"
    assert done.exit_code == 2
    assert "Setting 'http_allow' in the environment is wrong" in done.stderr
    assert said in done.stderr


def test_rules_are_set_shown_and_taken_back(sqlite_url, sqlite_client, call, ask):
    """Of queues and of concurrency keys."""
    url = sqlite_url
    assert call(url, "queues", "set", "default", "--running", "2", "--rate", "10/60").exit_code == 0
    assert "paused" in call(url, "queues", "pause", "default").stdout
    rules = {"paused": "paused", "running": "at most 2 run", "rate": "10 begin in 60 s"}
    assert ask(url, "queues", "list") == {"default": {"rules": rules}}
    assert ask(url, "status")["rules"] == {"default": rules}
    assert "at most 2 run" in call(url, "queues", "list").stdout
    call(url, "queues", "resume", "default")
    call(url, "queues", "set", "default", "--running", "all", "--rate", "all")
    assert ask(url, "status")["rules"] == {}
    call(url, "limits", "set", "tenant:*", "all")
    call(url, "limits", "set", "feeds", "3")
    assert ask(url, "limits", "list")["limits"] == {"*": 1, "feeds": 3, "tenant:*": None}
    call(url, "limits", "remove", "feeds")
    assert "tenant:*" in call(url, "limits", "list").stdout


def test_a_job_is_added_that_expires(sqlite_url, sqlite_client, call, ask):
    """After a span, or at a moment; and it is found once it has expired."""
    hour = 3600 * 1_000_000
    for said, expected in (("1h", hour), ("3600", hour), ("1.5h", 1.5 * hour)):
        job = sqlite_client.get(call(sqlite_url, "add", "http", "--expires", said).stdout.strip())
        assert abs(job.expires_at - job.created_at - expected) < hour / 10
    soon = call(sqlite_url, "add", "http", "--expires", "2020-01-31T08:00").stdout.strip()
    assert "It expired at 2020-01-31 08:00:00" in call(sqlite_url, "why", soon).stdout
    with sqlite_client._engine.begin() as connection:
        assert finish.expire_overdue(connection) == [soon]
    [found] = ask(sqlite_url, "jobs", "list", "--state", "expired")
    assert (found["id"], found["state"]) == (soon, "expired")
    assert "2020-01-31 08:00:00  expires" in call(sqlite_url, "jobs", "show", soon).stdout
    assert "EXPIRED" in call(sqlite_url, "status").stdout
    assert "is expired: No consumer began it" in call(sqlite_url, "jobs", "result", soon).stderr
    assert "'soon' is neither" in call(sqlite_url, "add", "http", "--expires", "soon").stderr


def test_a_job_is_added_with_all_its_relations(sqlite_url, sqlite_client, call):
    """And why it waits is one sentence."""
    first = call(sqlite_url, "add", "http", "--limit", "feeds").stdout.strip()
    words = ["--after", first, "--unique", "k", "--unique-for", "0", "--accepts-failure"]
    second = call(sqlite_url, "add", "http", *words).stdout.strip()
    job = sqlite_client.get(second)
    assert (job.state, job.unique_for, job.waits_for) == (State.BLOCKED, 0, 1)
    assert sqlite_client.get(first).concurrency_key == "feeds"
    assert f"It waits for job {first}" in call(sqlite_url, "why", second).stdout
    assert call(sqlite_url, "why", NO_SUCH_JOB).exit_code == 3
    sqlite_client.cancel(first)
    assert sqlite_client.get(second).state is State.READY


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["queues", "set", "default"], 2, "Say what to set"),
        (["queues", "set", "defualt", "--running", "1"], 1, "No queue is called 'defualt'"),
        (["queues", "set", "default", "--running", "few"], 2, "neither a number"),
        (["queues", "set", "default", "--rate", "10"], 2, "such as 10/60"),
        (["queues", "pause", "default", "defualt"], 1, "No queue is called 'defualt'"),
        (["limits", "set", "a*b", "1"], 2, "can't name a limit"),
        (["limits", "remove", "feeds"], 1, "No limit is called 'feeds'"),
        (["add", "http", "--after", "y"], 3, "No job has the id y"),
        (["add", "http", "--unique-for", "5"], 2, "goes with a unique key"),
    ],
)
def test_a_wrong_rule_is_one_line_and_changes_nothing(sqlite_url, call, ask, arguments, code, said):
    """A typing error must not look as if it had worked."""
    done = call(sqlite_url, *arguments)
    assert done.exit_code == code
    assert said in done.stderr
    assert ask(sqlite_url, "status") == {"queues": {"default": {}}, "rules": {}, "consumers": []}


@pytest.mark.parametrize("queues", ['[""]', '["a,b"]', '["' + "x" * 191 + '"]'])
def test_a_wrong_queue_in_the_settings_ends_with_2(sqlite_url, tmp_path, queues):
    """As any wrong setting: with 1 systemd starts it again for ever (run-under-systemd.md)."""
    file = tmp_path / "wrong.toml"
    file.write_text(f"queues = {queues}\n")
    done = call_process(sqlite_url, "run", "--config", str(file))
    assert "'queues' in" in done.stderr
    assert done.returncode == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["queues", "set", "default", "--running", "99999999999"],
        ["queues", "set", "default", "--rate", "99999999999/1"],
        ["limits", "set", "x", "99999999999"],
    ],
)
def test_a_number_that_a_column_cannot_hold_is_wrong_use(database_url, call, arguments):
    """On every kind of database, in words that name the option: it is a typing error."""
    done = call(database_url, *arguments)
    assert done.exit_code == 2
    assert "The database says" not in done.stderr


def test_a_payload_that_is_too_large_is_refused_unread(sqlite_url, tmp_path):
    """Of ``/dev/zero`` or a disk's image, reading it all takes the memory of the whole machine."""
    payload = tmp_path / "payload"
    payload.touch()
    os.truncate(payload, 2_000_000_000)
    done = subprocess.run(
        ["prlimit", "--as=1000000000", COSERVER, "add", "http", "--payload", payload],
        env=os.environ | {"COSERVER_DATABASE": sqlite_url},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert "the limit is 1048576" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["add", "http", "--eta", "9999-12-31T23:59:59-14:00"],
        ["add", "http", "--eta", "0001-01-01T00:00:00+14:00"],
        ["add", "http", "--eta", "1999-01-01"],
        ["add", "http", "--priority", "99999999"],
        ["add", "http", "--delay", "1e300"],
        ["add", "http", "--delay", "nan"],
        ["add", "http", "--timeout", "1e10"],
        ["add", "http", "--timeout", "0"],
        ["add", "http", "--max-attempts", "0"],
        ["add", "http", "--unique", ""],
        ["add", "http", "--unique", "a", "--unique-for=-1"],
        ["add", "http", "--title", "x" * 2000],
        ["add", "http", "--title", "\udcff"],
        ["add", "http", "--args", "[" * 100_000],
        ["add", "http", "a=" + "[" * 100_000],
        ["add", "\udcff"],
        ["jobs", "list", "--since", "99999999w"],
        ["jobs", "list", "--ended-since", "9999-12-31T23:59:59-14:00"],
        ["jobs", "list", "--queue", "\udcff"],
        ["jobs", "list", "--owner", "\udcff"],
        ["jobs", "list", "--site", "\udcff"],
        ["jobs", "list", "--text", "\udcff"],
        ["jobs", "retry", "--task", "\udcff", "--yes"],
        ["jobs", "show", "\udcff"],
        ["queues", "add", "a,b"],
        ["queues", "pause", "\udcff"],
        ["queues", "set", "default", "--running", "9" * 5000],
        ["queues", "set", "default", "--rate", "1/" + "9" * 400],
        ["limits", "set", "\udcff", "1"],
        ["limits", "remove", "\udcff"],
    ],
    ids=lambda arguments: " ".join(arguments)[:40].encode("ascii", "replace").decode(),
)
def test_an_odd_value_is_wrong_use(database_url, call, arguments):
    """Numbers, moments and spans out of range, bytes of a terminal that aren't UTF-8, no key."""
    done = call(database_url, *arguments)
    assert done.exit_code == 2
    assert isinstance(done.exception, SystemExit)
    assert done.stderr.splitlines()[-1].startswith("Error: ")
    assert json.loads(call(database_url, "jobs", "list", "--json").stdout) == []


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://queue@127.0.0.1/queue?foo=1",
        "postgresql://queue@127.0.0.1/queue?connect_timeout=soon",
        "postgresql://queue@127.0.0.1/queue?row_factory=x",
        "mysql://queue@127.0.0.1/queue?foo=1",
        "mysql://queue@127.0.0.1/queue?cursorclass=x",
        "mysql://queue@127.0.0.1/queue?connect_timeout=soon",
        "mysql://queue@127.0.0.1/queue?read_timeout=-1",
        "mysql://queue@127.0.0.1/queue?ssl_ca=/nowhere",
        "mysql://queue@127.0.0.1/queue?ssl=x",
        "mysql://queue@127.0.0.1/queue?named_pipe=x",
        "mysql+none://queue@127.0.0.1/queue",
        "sqlite:///queue.sqlite?timeout=soon",
        "sqlite:///queue.sqlite?foo=1",
    ],
)
@pytest.mark.parametrize("command", ["status", "run"])
def test_a_wrong_option_in_the_address_is_a_wrong_setting(url, command):
    """The drivers raise errors of any kind."""
    done = call_process(url, command)
    assert done.returncode == 2
    assert "The database's address has a wrong option: " in done.stderr
    assert "Traceback" not in done.stderr


def call_into(output, url, *arguments):
    """Run the command with standard output that is ``full``, ``closed``, or ``unread``."""
    full, unread = os.open("/dev/full", os.O_WRONLY), os.pipe()
    os.close(unread[0])
    command = [COSERVER, *arguments]
    try:
        return subprocess.run(
            ["sh", "-c", 'exec "$@" >&-', "sh", *command] if output == "closed" else command,
            env=os.environ | {"COSERVER_DATABASE": url},
            stdout={"full": full, "closed": None, "unread": unread[1]}[output],
            stderr=subprocess.PIPE,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    finally:
        os.close(full)
        os.close(unread[1])


READING = (["status"], ["jobs", "list"], ["jobs", "list", "--json"], ["doctor"], ["queues", "list"])


@pytest.mark.parametrize("arguments", [*READING, ["queues", "pause", "default"], ["--help"]])
def test_output_that_cannot_be_written_is_one_line(sqlite_url, arguments):
    """As on a disk that is full. What was to be done is done."""
    done = call_into("full", sqlite_url, *arguments)
    assert (done.returncode, len(done.stderr.splitlines())) == (4, 1)
    assert "standard output can't be written: No space left on device" in done.stderr


@pytest.mark.parametrize("arguments", [*READING, ["add", "http", "--delay", "60"]])
def test_nothing_is_done_where_output_is_closed(sqlite_url, ask, arguments):
    """It has been seen to before anything is changed."""
    done = call_into("closed", sqlite_url, *arguments)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "Standard output is closed" in done.stderr
    assert ask(sqlite_url, "jobs", "list") == []


@pytest.mark.parametrize("arguments", READING)
def test_output_that_nobody_reads_ends_a_command_quietly(sqlite_url, arguments):
    """By SIGPIPE, as other programs before ``| head -1``."""
    done = call_into("unread", sqlite_url, *arguments)
    assert (done.returncode, done.stderr) == (-signal.SIGPIPE, "")


@pytest.mark.parametrize("output", ["full", "unread"])
@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_a_job_whose_id_cannot_be_written_is_told_to_be_queued(sqlite_url, ask, output, as_json):
    """By an exit code of its own: with that of a failure a script would queue it once more."""
    done = call_into(output, sqlite_url, "add", "http", "--delay", "60", *as_json)
    [job] = ask(sqlite_url, "jobs", "list")
    assert done.returncode == 4
    assert f"Job {job['id']} is queued, but standard output can't be written" in done.stderr
    assert len(done.stderr.splitlines()) == 1
