"""Functions as jobs: queued with their arguments, called as their owner, results fetched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

import pytest
import transaction
from OFS.SimpleItem import SimpleItem
from plone import api
from plone.app.testing import TEST_USER_ID, setRoles

from collective.coserver import current_job, queue, task
from collective.coserver.functions import registry
from collective.coserver.testing.consumer import InProcessConsumer
from coserver_consumer import store
from coserver_consumer.errors import (
    DidNotComplete,
    InvalidJob,
    InvalidTask,
    JobNotFound,
    NoResult,
    NotDone,
    UnknownTask,
    ZopeUnavailable,
)
from coserver_consumer.model.job import Job, State
from coserver_consumer.model.lifecycle import Ending
from coserver_consumer.model.outcome import Completed, Failed, Snoozed
from coserver_consumer.protocol import signing
from coserver_consumer.protocol.outcome_message import load_outcome
from coserver_consumer.protocol.services import FUNCTIONS
from coserver_consumer.retry import Backoff
from coserver_consumer.settings.settings import Settings
from coserver_consumer.store import finish
from coserver_consumer.zope.service import Services
from support.jobs import Jobs
from tests.plone import functions
from tests.plone.instance import SECRET, Instance


@pytest.fixture
def site(instance: Instance) -> Any:
    """The site, with a manager logged in."""
    setRoles(instance.portal, TEST_USER_ID, ["Manager"])
    transaction.commit()
    return instance.portal


@pytest.fixture
def page(site: Any) -> Any:
    """A page of the site."""
    made = api.content.create(site, "Document", "page", title="A page")
    transaction.commit()
    return made


def commit(job_id: str) -> Job:
    """Commit and return the job."""
    transaction.commit()
    return queue.get(job_id)


def run(instance: Instance, job_id: str) -> Any:
    """Commit, have Zope run the only job there is, and return the outcome that it tells."""
    transaction.commit()
    job = instance.claim()
    assert job.id == job_id
    outcome = load_outcome(instance.run(job).content)
    transaction.begin()
    return outcome


def test_a_call_is_a_job_with_the_options_of_its_task(site: Any) -> None:
    """Beside the function's name and its arguments as JSON; signed, in the site, as its user."""
    job = commit(functions.rename.delay(site, "b", quietly=True))
    assert job.task == "call"
    assert job.args == {
        "function": "tests.plone.functions.rename",
        "args": [
            {"$": "content", "value": {"uid": api.content.get_uuid(site), "path": "/plone"}},
            "b",
        ],
        "kwargs": {"quietly": True},
    }
    assert (job.max_attempts, job.timeout, job.title) == (3, 60, "Rename it")
    assert (job.owner, job.site, job.state) == (TEST_USER_ID, "/plone", State.READY)
    signing.verify(job, SECRET)


def test_a_task_shows_its_name() -> None:
    """As in a traceback or a debugger."""
    assert repr(functions.rename) == "<Task tests.plone.functions.rename>"


def test_options_are_those_of_one_call(site: Any) -> None:
    """Added to those of the task, which stay as they are."""
    changed = functions.rename.options(delay=60, priority=10, unique="rename", title=None)
    job = commit(changed.delay(site, "b"))
    assert (job.state, job.priority, job.unique_key) == (State.SCHEDULED, 10, "rename")
    assert (job.max_attempts, job.title) == (3, "tests.plone.functions.rename")
    assert functions.rename.said.priority == 0


def test_an_abort_queues_nothing(site: Any) -> None:
    """A call is part of the transaction, as every job."""
    job_id = functions.echo.delay()
    transaction.abort()
    with pytest.raises(JobNotFound):
        queue.get(job_id)


def test_a_plain_call_is_a_call(site: Any) -> None:
    """Here and now, also of what speaks with its job."""
    assert functions.echo(1, a=2) == ((1,), {"a": 2})
    assert functions.chatter(1) == "said"
    assert functions.rename.__doc__.startswith("Change a title")
    with pytest.raises(JobNotFound):
        current_job.snooze(1)


def test_arguments_and_result_come_back_as_they_were(instance: Instance, page: Any) -> None:
    """Also objects of the site."""
    args = (
        datetime(2026, 11, 21, 8, tzinfo=UTC),
        date(2026, 11, 21),
        timedelta(1, 2, 3),
        Decimal("1.50"),
        {"a", "b"},
        (1, [2.5, None]),
        b"\x00",
        UUID(int=7),
        {"$": "x"},
    )
    job_id = functions.echo.delay(*args, page=page, names=frozenset({"ä"}))
    assert isinstance(run(instance, job_id), Completed)
    returned, named = queue.result(job_id)
    assert returned == args
    assert named["page"].getPhysicalPath() == page.getPhysicalPath()
    assert named["names"] == {"ä"}


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "said"),
    [
        ("rename", ("x", object()), {}, "Argument 'title' is of type builtins.object"),
        ("rename", ("x", "y", 1, object()), {}, r"Argument 'more\[1\]' is of type"),
        ("rename", ("x", "y"), {"quietly": [object()]}, r"Argument 'quietly'\[0\] is of type"),
        ("rename", ("x",), {}, r"rename\(\) can't be called like that.*'title'"),
        ("chatter", (1,), {"x": 1}, r"chatter\(\) can't be called like that.*'x'"),
        ("echo", (functions.plain,), {}, "Argument 'args.0.' is of type builtins.function"),
    ],
)
def test_what_cannot_be_queued_is_refused_at_once(
    site: Any, function: str, args: tuple, kwargs: dict, said: str
) -> None:
    """When it is queued, not when it is run, and named."""
    with pytest.raises(InvalidJob, match=said):
        getattr(functions, function).delay(*args, **kwargs)


def test_an_effect_and_its_job_end_together(instance: Instance, page: Any) -> None:
    """The job is history with the commit of its work, before its consumer has heard of it."""
    job_id = functions.rename.delay(page, "renamed")
    assert run(instance, job_id) == Completed(result="/plone/page")
    assert page.title == "renamed"
    assert queue.get(job_id).state is State.COMPLETED
    assert queue.result(job_id) == "/plone/page"


def test_a_call_has_its_effect_once(instance: Instance, page: Any) -> None:
    """A run that was given to another consumer isn't let in again."""
    functions.rename.delay(page, "first")
    transaction.commit()
    job = instance.claim()
    assert instance.run(job).status_code == 200
    transaction.begin()
    page.title = "changed since"
    transaction.commit()
    assert instance.run(job).status_code == 401
    transaction.begin()
    assert page.title == "changed since"


def test_a_moved_object_is_found(instance: Instance, site: Any, page: Any) -> None:
    """By its UID."""
    folder = api.content.create(site, "Folder", "folder")
    job_id = functions.rename.delay(page, "moved")
    transaction.commit()
    api.content.move(page, folder, id="elsewhere")
    assert run(instance, job_id) == Completed(result="/plone/folder/elsewhere")


def test_an_object_that_is_not_in_the_catalog_is_found_by_its_path(
    instance: Instance, page: Any
) -> None:
    """Not everything is catalogued."""
    job_id = functions.rename.delay(page, "found")
    page.unindexObject()
    assert run(instance, job_id) == Completed(result="/plone/page")


def test_a_deleted_object_fails_the_job_at_once(instance: Instance, site: Any, page: Any) -> None:
    """Another at its place isn't taken for it, and another attempt wouldn't find it either."""
    uid = api.content.get_uuid(page)
    job_id = functions.rename.delay(page, "gone")
    transaction.commit()
    api.content.delete(page)
    other = api.content.create(site, "Document", "page", title="Another")
    outcome = run(instance, job_id)
    assert outcome == Failed(
        error=f"The object that was at /plone/page (UID {uid}) is gone.", retry=False
    )
    assert other.title == "Another"


def test_a_function_runs_as_who_queued_it(instance: Instance, site: Any) -> None:
    """In the site, and knows its job."""
    job_id = functions.whoami.delay()
    told = run(instance, job_id).result
    assert (told["user"], told["site"]) == (TEST_USER_ID, "/plone")
    assert (told["job"], told["attempt"]) == (job_id, 1)


def test_a_function_may_run_as_another_user(instance: Instance, site: Any) -> None:
    """Whom its code names; that user owns the job."""
    instance.add_user("jane")
    job_id = functions.whoami.options(run_as="jane").delay()
    assert commit(job_id).owner == "jane"
    told = run(instance, job_id).result
    assert (told["user"], told["roles"]) == ("jane", ["Authenticated", "Member"])


def test_a_function_may_run_as_the_system(instance: Instance, site: Any) -> None:
    """Which may do all."""
    assert run(instance, functions.rule.delay()) == Completed(result="System Processes: True")


def test_who_writes_into_the_database_does_not_become_the_system(
    instance: Instance, site: Any
) -> None:
    """As whom a function runs is signed with its arguments."""
    job_id = functions.rule.options(run_as=None).delay()
    transaction.commit()
    forged = '{"function": "tests.plone.functions.rule", "args": [], "kwargs": {}, '
    with instance.jobs.engine.begin() as connection:
        connection.exec_driver_sql(
            f'UPDATE coserver_job SET args = \'{forged}"run_as": "system"}}\''
        )
    answer = instance.run(instance.claim())
    assert answer.status_code == 401
    assert queue.get(job_id).state is State.RUNNING


def test_a_user_who_does_not_exist_is_refused(site: Any) -> None:
    """When it is queued."""
    with pytest.raises(InvalidJob, match="'nobody'"):
        functions.whoami.options(run_as="nobody").delay()


def test_an_exception_aborts_and_fails_the_attempt(instance: Instance, page: Any) -> None:
    """Its traceback is kept for the operator; the consumer tries again."""
    outcome = run(instance, functions.fail.delay(page))
    assert (outcome.error, outcome.retry) == ("LookupError: no wind for 28 days", True)
    assert "functions.py" in outcome.traceback
    assert "raise LookupError" in outcome.traceback
    assert page.title == "A page"


@pytest.mark.parametrize(
    ("kind", "follows"), [("ebb", (True, 60)), ("wreck", (False, None)), ("rock", (False, None))]
)
def test_a_function_says_after_what_and_when_it_is_tried_again(
    instance: Instance, site: Any, kind: str, follows: tuple[bool, float | None]
) -> None:
    """Zope decides, as only it knows the exception, and tells the consumer."""
    outcome = run(instance, functions.risk.delay(kind))
    assert (outcome.retry, outcome.wait) == follows


def test_a_function_s_number_of_attempts_is_its_jobs(site: Any) -> None:
    """Unless one says another."""
    assert commit(functions.risk.delay("ebb")).max_attempts == 7
    assert commit(functions.risk.options(max_attempts=2).delay("ebb")).max_attempts == 2


def test_a_pair_is_a_backoff() -> None:
    """The longest wait before the second attempt, and before any."""
    assert functions.fail.retry.backoff == Backoff(base=10, cap=600)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"backoff": 60}, "backoff is 60"),
        ({"backoff": (60, 30)}, "upwards"),
        ({"retry_on": OSError}, "wanted a tuple"),
        ({"never_retry_on": (int,)}, "wanted an exception class"),
    ],
)
def test_a_wrong_retry_policy_is_refused(options: dict[str, Any], fault: str) -> None:
    """When the module is imported."""
    with pytest.raises(InvalidTask, match=fault):
        task(**options)


def test_when_it_is_tried_again_is_no_matter_of_one_job() -> None:
    """It isn't written with the job, so it can't be said for one."""
    with pytest.raises(
        InvalidJob, match=r"backoff is said of all jobs of a task, by @task\(backoff"
    ):
        functions.risk.options(backoff=(1, 2))
    with pytest.raises(InvalidJob, match=r"No option is called 'runas'; known are: .*, run_as\.$"):
        functions.risk.options(runas="system")


@pytest.mark.parametrize("how", functions.EXITS)
def test_a_function_that_exits_is_answered(instance: Instance, page: Any, how: str) -> None:
    """At once: its consumer would wait for as long as the job may take."""
    outcome = run(instance, functions.leave.delay(page, how))
    assert isinstance(outcome, Failed)
    assert outcome.error == f"{functions.EXITS[how].__name__}: 3"


@pytest.mark.parametrize("touch", [["setStatus", 500], ["setHeader", "Connection", "x"]])
def test_a_function_s_answer_is_its_own(instance: Instance, page: Any, touch: list[Any]) -> None:
    """Nothing that was done to the response meanwhile is sent."""
    job_id = functions.respond.delay(page, *touch)
    transaction.commit()
    answer = instance.run(instance.claim())
    assert (answer.status_code, load_outcome(answer.content)) == (200, Completed(result=5))
    assert queue.result(job_id) == 5


def test_a_function_may_snooze(instance: Instance, page: Any) -> None:
    """What it wrote isn't committed."""
    assert run(instance, functions.rest.delay(page)) == Snoozed(delay=60)
    assert page.title == "A page"


def test_lines_are_kept_with_the_job(instance: Instance, site: Any, jobs: Jobs) -> None:
    """Beside its progress."""
    job_id = functions.chatter.delay(2)
    assert run(instance, job_id) == Completed(result="said")
    assert jobs.lines(job_id) == ["line 0", "line 1"]
    assert queue.get(job_id).progress_text == "done"


def test_a_result_that_is_not_json_fails_and_commits_nothing(instance: Instance, site: Any) -> None:
    """The function would return it again."""
    outcome = run(instance, functions.make.delay("object"))
    assert not outcome.retry
    assert "The result is of type builtins.object" in outcome.error


def test_a_result_that_is_too_long_is_not_kept(instance: Instance, site: Any) -> None:
    """The work is done; who asks for the result is told."""
    job_id = functions.make.delay("long")
    assert isinstance(run(instance, job_id), Completed)
    with pytest.raises(NoResult, match="it has 100002 characters"):
        queue.result(job_id)


def test_a_result_may_be_an_object(instance: Instance, site: Any) -> None:
    """It is found again when it is asked for."""
    job_id = functions.make.delay("site")
    run(instance, job_id)
    assert queue.result(job_id).getPhysicalPath() == ("", "plone")


def test_a_job_without_result_says_why(instance: Instance, site: Any) -> None:
    """Not done, failed, unknown."""
    job_id = functions.echo.delay()
    transaction.commit()
    with pytest.raises(NotDone, match="is ready; it has no result yet"):
        queue.result(job_id)
    failed = Ending(key=instance.claim().key, state=State.FAILED, error="no wind")
    store.write(instance.jobs.engine, lambda connection: finish.end_attempts(connection, [failed]))
    with pytest.raises(DidNotComplete, match="is failed: no wind"):
        queue.result(job_id)
    with pytest.raises(JobNotFound):
        queue.result("x")


def test_the_result_of_a_view_is_its_answer(instance: Instance) -> None:
    """With status and media type."""
    instance.queue_and_run("/plone/@@test-which")
    (job,) = instance.jobs.titled("test-which")
    assert queue.result(job.id)["body"] == "for jobs"


@pytest.mark.parametrize(
    "name",
    ["tests.plone.functions.plain", "os.getcwd", "no_such_module.f", "getcwd", "tests..f"],
)
def test_only_a_task_can_be_called_by_its_name(name: str) -> None:
    """Whatever else can be imported."""
    with pytest.raises(UnknownTask, match=f"'{name}'"):
        registry.find(name)


def test_a_task_is_known_by_its_name() -> None:
    """Once its module has been imported."""
    assert registry.find("tests.plone.functions.echo") is functions.echo
    assert "tests.plone.functions.echo" in registry.names()


class Feed:
    """What people have, and would queue."""

    def fetch(self) -> None:
        """Fetch it."""

    @classmethod
    def fetch_all(cls) -> None:
        """Fetch all."""

    @staticmethod
    def fetch_none() -> None:
        """Fetch nothing."""


def undecorated() -> None:
    """Do nothing: it could be a task."""


def make_local() -> Callable[[], None]:
    """Return a function that is defined in one."""

    def local() -> None:
        pass

    return local


REFUSED = [
    (lambda: None, r"^A lambda can't be a task: .* Write it as a function at the top of its mod"),
    (
        make_local(),
        r"^make_local.<locals>.local can't be a task: it is defined within a function.*",
    ),
    (Feed.fetch, r"^Feed.fetch can't be a task: it is a method.* @task def fetch\(context, ...\)"),
    (
        Feed().fetch,
        r"^Feed.fetch can't be a task: it is a method.* by fetch.delay\(context, ...\).",
    ),
    (Feed.fetch_all, "^Feed.fetch_all can't be a task: it is a method"),
    (vars(Feed)["fetch_none"], "^Feed.fetch_none can't be a task: it is a method"),
    (vars(Feed)["fetch_all"], "^Feed.fetch_all can't be a task: it is a method"),
    (len, "^len can't be a task: wanted a function at the top of its module"),
]


@pytest.mark.parametrize(("function", "reason"), REFUSED)
def test_what_can_be_no_task_is_told_what_to_write_instead(function: Any, reason: str) -> None:
    """When its module is imported."""
    with pytest.raises(InvalidTask, match=reason):
        task(function)


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        *(each for each in REFUSED if not isinstance(each[0], staticmethod | classmethod)),
        (undecorated, r"^undecorated is a function, and .* Put @task before its def, and queue a "),
        (functions.echo, r"^tests.plone.functions.echo is a task: .* by echo.delay\(...\)\."),
        (partial(undecorated), "can't be a task: wanted a function at the top of its module"),
        (
            functions.echo.delay,
            r"^echo.delay is a method of a task, .* write echo.delay\(...\) and",
        ),
        (
            SimpleItem("x").absolute_url,
            "^absolute_url is a method of an object, .* Pass the object",
        ),
    ],
)
@pytest.mark.parametrize("door", [queue.add, queue.job, lambda it: queue.add_xmlrpc(it, "x")])
def test_code_that_is_queued_like_a_view_is_told_what_to_write_instead(
    door: Callable[[Any], Any], target: Any, reason: str, jobs: Jobs
) -> None:
    """Functions are queued by ``delay``, and only those with ``@task``."""
    with pytest.raises(InvalidJob, match=reason):
        door(target)


def test_only_a_function_of_a_module_can_be_a_task() -> None:
    """Others couldn't be found again."""
    with pytest.raises(InvalidTask, match="at the top of its module"):
        task(object())
    with pytest.raises(
        InvalidJob, match=r"No option is called 'quue'.*, run_as, backoff, retry_on"
    ):
        task(quue="video")
    with pytest.raises(
        InvalidTask, match=r"functions.echo is a task already.* echo.options\(\.\.\.\)"
    ):
        task(functions.echo)
    with pytest.raises(InvalidJob, match="priority is '10', wanted a whole number"):
        task(priority="10")


def test_a_holder_of_the_secret_may_list_the_functions(instance: Instance) -> None:
    """As the command line does; nobody else may."""
    settings = Settings(database="sqlite:///x", secret=SECRET, zope_url=(instance.url,))
    assert "tests.plone.functions.echo" in Services(settings).ask_any(FUNCTIONS, None)
    with pytest.raises(ZopeUnavailable, match="another secret"):
        Services(replace(settings, secret="x" * 32)).ask_any(FUNCTIONS, None)


def test_the_call_of_a_browser_is_not_found(instance: Instance) -> None:
    """Only jobs call functions; a job of a view can't pretend to be one."""
    assert instance.browse("/plone/@@coserver-call", method="POST").status_code == 404
    answer = instance.queue_and_run("/plone/@@coserver-call")
    assert answer.status_code == 401
    assert "isn't the call of a function" in answer.text


def test_what_the_system_makes_has_a_creator(instance: Instance, site: Any) -> None:
    """The system user has no id that Plone could name; a user's job names the user."""
    made = run(instance, functions.create.options(run_as="system").delay(site, "by-system"))
    assert made == Completed(result=["system"])
    assert "system" not in site["by-system"].get_local_roles()
    made = run(instance, functions.create.delay(site, "by-user"))
    assert made == Completed(result=[TEST_USER_ID])


COLLECTIONS = [
    lambda *objects: [*objects],
    lambda *objects: objects,
    lambda *objects: set(objects),
    lambda *objects: frozenset(objects),
    lambda *objects: {frozenset(objects), (1, *objects), "x"},
    lambda *objects: {"$": objects[0], "more": {objects[1]}},
]


@pytest.mark.parametrize("collect", COLLECTIONS)
def test_a_collection_may_hold_objects(instance: Instance, page: Any, collect: Any) -> None:
    """Of whatever kind, as an argument and in the result; equal sets are written alike."""
    job_id = functions.echo.delay(collect(page, instance.portal))
    assert isinstance(run(instance, job_id), Completed)
    ((found,), _) = queue.result(job_id)
    assert found == collect(page, instance.portal)
    other = commit(functions.echo.delay(collect(page, instance.portal)))
    assert other.args == queue.get(job_id).args


@pytest.mark.parametrize("collect", COLLECTIONS)
def test_a_collection_may_hold_objects_when_a_call_is_made_at_once(
    coserver_jobs: InProcessConsumer, functional: Any, collect: Any
) -> None:
    """What is read is what was written, though it never was text."""
    given = collect(functional["portal"], functional["portal"])
    with coserver_jobs.eagerly() as calls:
        job_id = functions.echo.delay(given)
    assert calls.results[job_id] == ((given,), {})


def test_a_class_of_content_is_no_object(site: Any) -> None:
    """Though it has all that its objects have."""
    with pytest.raises(InvalidJob, match=r"Argument 'args\[0\]' is of type"):
        functions.echo.delay(type(site.aq_base))


@pytest.mark.parametrize("module", ["__main__", "<run_path>"])
def test_a_function_of_a_script_can_not_be_a_task(module: str) -> None:
    """As which ``zconsole run``, ``python -m`` and the like run it: no Zope finds it by that."""
    with pytest.raises(InvalidTask, match=f"defined in a script .{module}.*Define it in a module"):
        exec("@task\ndef f():\n    pass\n", {"__name__": module, "task": task})
