"""Programs with a key, and with a stolen one, against a real Plone and both transports."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
import transaction

from collective.coserver.inline.runner import InlineRunner
from coserver_consumer import Client, store
from coserver_consumer.model.current_job import CurrentJob
from coserver_consumer.model.job import Job, State, new_id
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.options import JobOptions
from coserver_consumer.protocol.grant import Grant, make_grant
from coserver_consumer.protocol.key import Key, make_key
from coserver_consumer.protocol.known_key import seal_grant
from coserver_consumer.protocol.signing import code_of
from coserver_consumer.settings.settings import Settings
from coserver_consumer.store import enqueue, finish, manage
from coserver_consumer.store.schema import tables
from coserver_consumer.tasks.context import TaskContext
from coserver_consumer.tasks.registry import load_registry
from coserver_consumer.worker.executor import Executor
from coserver_consumer.worker.keys import Keys
from tests.plone.instance import SECRET, Instance

WHO = "tests.plone.functions.whoami"
ECHO = "tests.plone.functions.echo"
RULE = "tests.plone.functions.rule"
VIEW = "/plone/@@test-tell-anywhere"
HOUR_S = 3600
Run = Callable[[], Job]


@pytest.fixture
def bot(instance: Instance) -> Instance:
    """The instance, whose site has a user for the program."""
    instance.add_user("bot")
    return instance


@pytest.fixture(params=["over http", "in process"])
def run(bot: Instance, database_url: str, request: pytest.FixtureRequest) -> Run:
    """Have a consumer run the only job there is; return it as it is then."""
    return {"over http": _over_http, "in process": _in_process}[request.param](bot, database_url)


def _over_http(bot: Instance, database_url: str) -> Run:
    url = f"http://127.0.0.1:{urlsplit(bot.url).port}"
    settings = Settings(database=database_url, secret=SECRET, zope_url=(url,))
    registry = load_registry(TaskContext(settings=settings))
    executor = Executor(registry=registry, settings=settings, keys=Keys(Direct(bot)))

    def run() -> Job:
        job = bot.claim()
        current = CurrentJob(job=job, report=lambda *_: None, is_cancelled=lambda: False)
        ending = executor.attempt(current)
        store.write(bot.jobs.engine, lambda c: finish.end_attempts(c, [ending]))
        return bot.jobs.get(job.id)

    return run


class Direct:
    """Transactions on the engine of the test."""

    def __init__(self, bot: Instance) -> None:
        self._engine = bot.jobs.engine

    def read(self, work: Callable[[sa.Connection], Any]) -> Any:
        """Return what ``work`` returns."""
        return store.read(self._engine, work)

    def write(self, work: Callable[[sa.Connection], Any]) -> Any:
        """Return what ``work`` returns, and commit."""
        return store.write(self._engine, work)


def _in_process(bot: Instance, database_url: str) -> Run:
    runner = InlineRunner()

    def run() -> Job:
        ended = runner.run_next()
        assert ended is not None
        transaction.begin()
        return bot.jobs.get(ended.job.id)

    return run


@pytest.fixture
def key(bot: Instance) -> Key:
    """A valid key for two functions and a view."""
    return add(bot, grant())


def grant(**changes: Any) -> Grant:
    """Return a new grant."""
    said: dict[str, Any] = {
        "id": new_id(),
        "name": "program",
        "owner": "bot",
        "site": "/plone",
        "tasks": (f"call:{WHO}", f"call:{ECHO}", f"view:{VIEW}"),
        "expires": int(time.time()) + HOUR_S,
    }
    return make_grant(**said | changes)


def add(bot: Instance, granted: Grant, secret: str = SECRET) -> Key:
    """Make a key of the grant valid in the tables."""
    store.write(
        bot.jobs.engine, lambda c: manage.add_key(c, granted, seal_grant(granted, secret), by="ada")
    )
    return make_key(granted, secret)


def sign_as_thief(key: Key, task: str, args: dict[str, Any], **changes: Any) -> NewJob:
    """Return a job signed by the key's own secret, without looking at what the key allows."""
    said = key.grant
    made: dict[str, Any] = {"owner": said.owner, "site": said.site, "origin": dict(said.origin)}
    job = NewJob(task=task, args=args, **made | changes)
    told = f"k1:{said.id.replace('-', '')}:{int(time.time())}:5"
    return replace(job, signature=f"{told}:{code_of(job, key.secret, told)}")


def queue(bot: Instance, job: NewJob) -> None:
    """Write a job to the tables, as whoever can do so."""
    store.write(bot.jobs.engine, lambda c: enqueue.add(c, job))


def call(function: str = WHO, **more: Any) -> dict[str, Any]:
    """Return the arguments of a call."""
    return {"function": function, "args": [], "kwargs": {}, **more}


def test_a_program_has_a_function_called_as_its_user(
    bot: Instance, key: Key, run: Run, database_url: str
) -> None:
    """In the site, with no more rights than the user's; the use is noted."""
    with Client(database_url, key=key.as_text()) as client:
        client.add("call", {"function": WHO})
    job = run()
    assert job.state is State.COMPLETED, job.error
    assert (job.result["user"], job.result["site"]) == ("bot", "/plone")
    assert "Manager" not in job.result["roles"]
    (record,) = store.read(bot.jobs.engine, manage.keys)
    assert record.jobs == 1
    assert record.last_used_at is not None


def test_a_program_has_a_view_published_as_its_user(key: Key, run: Run, database_url: str) -> None:
    """With parameters."""
    with Client(database_url, key=key.as_text()) as client:
        client.add("view", {"path": VIEW, "method": "POST", "params": {"a:int": "1"}})
    job = run()
    assert job.state is State.COMPLETED, job.error
    assert '"user": "bot"' in job.result["body"]


@pytest.mark.parametrize(
    ("task", "args", "changes", "said"),
    [
        ("call", call("tests.plone.functions.rename"), {}, "doesn't allow call:tests.plone.func"),
        ("call", call(RULE, run_as="system"), {}, "doesn't allow the argument run_as"),
        ("call", call(run_as="system"), {}, "doesn't allow the argument run_as"),
        ("call", call(ECHO, args=[{"$": "content", "value": {"uid": None, "path": "/plone"}}]), {},
         "is for plain values, not for any of the kind content"),
        ("call", call(), {"owner": "admin"}, "is for the user bot, not admin"),
        ("call", call(), {"site": "/other"}, "is for the site /plone, not /other"),
        ("call", call(), {"origin": {"user_folder": "/acl_users"}}, "is for the origin"),
        ("view", {"path": "/plone/@@test-queue"}, {}, "doesn't allow view:/plone/@@test-queue"),
        ("view", {"path": f"{VIEW}/../@@test-queue"}, {}, "doesn't allow view:"),
        ("view", {"path": VIEW, "params": {"x:method": "1"}}, {}, "it names a method"),
        ("view", {"path": VIEW, "headers": {"X-A": "b"}}, {}, "doesn't allow the argument headers"),
    ],
)  # fmt: skip
def test_a_thief_can_do_no_more_than_the_key_allows(
    bot: Instance, key: Key, run: Run, task: str, args: Any, changes: Any, said: str
) -> None:
    """Signed by the key all right, such a job fails at once and says what isn't allowed."""
    queue(bot, sign_as_thief(key, task, args, **changes))
    job = run()
    assert job.state is State.FAILED
    assert said in job.error


def test_arguments_that_were_changed_in_the_tables_are_refused(
    bot: Instance, key: Key, run: Run, database_url: str
) -> None:
    """By somebody who hasn't got the key."""
    with Client(database_url, key=key.as_text()) as client:
        client.add("call", {"function": ECHO, "args": [1]})
    change(bot, sa.update(tables.job).values(args=call(ECHO, args=[2])))
    refuse(run(), "was changed after it was queued")


def test_a_revoked_key_is_refused_also_for_what_it_has_queued(
    bot: Instance, key: Key, run: Run, database_url: str
) -> None:
    """Whoever takes the date of the revocation away in the tables doesn't revive it."""
    with Client(database_url, key=key.as_text()) as client:
        client.add("call", {"function": WHO})
        client.add("call", {"function": WHO}, delay=HOUR_S / 2)
    store.write(bot.jobs.engine, lambda c: manage.revoke_key(c, "program", by="ada"))
    refuse(run(), "was revoked at")
    change(bot, sa.update(tables.key).values(revoked_at=None))
    change(bot, sa.update(tables.job).values(state="ready", run_at=sa.text("created_at")))
    refuse(run(), "was revoked: its seal is gone")


def test_an_expired_key_is_refused(bot: Instance, run: Run) -> None:
    """By the database's clock."""
    key = add(bot, grant(expires=int(time.time()) - 1))
    queue(bot, sign_as_thief(key, "call", call()))
    refuse(run(), "expired at")


def test_a_grant_that_was_altered_in_sql_is_refused(bot: Instance, key: Key, run: Run) -> None:
    """The key is void then."""
    change(bot, sa.update(tables.key).values(tasks=[f"call:{WHO}", "view:/plone/*"]))
    queue(bot, sign_as_thief(key, "view", {"path": "/plone/@@test-queue"}))
    refuse(run(), "was changed in the tables")


def test_a_key_of_another_installation_is_refused(bot: Instance, run: Run) -> None:
    """With its row, or without."""
    key = add(bot, grant(), secret="the secret of somebody else's Plone, 0123456789")
    queue(bot, sign_as_thief(key, "call", call()))
    refuse(run(), "was made with another secret")
    change(bot, sa.delete(tables.key))
    queue(bot, sign_as_thief(key, "call", call()))
    refuse(run(), "isn't known here")


def test_an_ended_job_cant_be_run_again_by_copying_it_back(
    bot: Instance, key: Key, run: Run, database_url: str
) -> None:
    """Its row is removed as it is claimed, and nothing is called."""
    with Client(database_url, key=key.as_text()) as client:
        client.add("call", {"function": WHO})
    done = run()
    signed = {"owner": done.owner, "site": done.site, "origin": done.origin}
    again = NewJob(
        task="call", args=done.args, id=done.id, signature=done.signature, **signed,
        options=JobOptions(max_attempts=done.max_attempts),
    )  # fmt: skip
    queue(bot, again)
    job = bot.claim()
    removed = store.write(bot.jobs.engine, lambda c: finish.remove_duplicates(c, [job]))
    assert removed == {job.key}
    assert bot.jobs.get(done.id).state is State.COMPLETED


def test_zope_itself_refuses_what_a_careless_consumer_asks_for(bot: Instance, key: Key) -> None:
    """Whoever has a token of a consumer's."""
    queue(bot, sign_as_thief(key, "view", {"path": "/plone/@@test-queue"}))
    answer = bot.run(bot.claim())
    assert answer.status_code == 401
    assert "doesn't allow view:/plone/@@test-queue" in answer.text


def test_a_site_that_isnt_there_is_named(bot: Instance, run: Run) -> None:
    """Whoever made the key mistyped it, or named a part of it; only Zope can know."""
    for site in ("/nowhere", "/plone/portal_catalog"):
        key = add(bot, grant(site=site, name=site, tasks=(f"call:{WHO}",)))
        queue(bot, sign_as_thief(key, "call", call()))
        refuse(run(), f"No site is at {site}: was it moved or deleted, or is the path wrong")


def test_a_user_who_is_gone_runs_nothing(bot: Instance, run: Run) -> None:
    """The key names nobody then."""
    key = add(bot, grant(owner="nobody"))
    queue(bot, sign_as_thief(key, "call", call()))
    refuse(run(), "can't be logged in here")


def change(bot: Instance, statement: Any) -> None:
    """Write to the tables by SQL alone."""
    with bot.jobs.engine.begin() as connection:
        connection.execute(statement)


def refuse(job: Job, said: str) -> None:
    """Make sure that the job has failed for good, and says why."""
    assert job.state is State.FAILED
    assert said in job.error
