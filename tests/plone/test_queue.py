"""What can be queued, and what is refused, with the reason."""

from __future__ import annotations

import inspect
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from unittest.mock import Mock
from uuid import uuid4

import pytest
import transaction
from AccessControl.SecurityManagement import newSecurityManager, noSecurityManager
from AccessControl.users import UnrestrictedUser, system
from DateTime import DateTime
from OFS.Folder import Folder
from plone import api
from plone.app.testing import TEST_USER_ID
from sqlalchemy import Engine
from Testing.makerequest import makerequest
from zope.component.hooks import setSite
from zope.globalrequest import getRequest, setRequest

from collective.coserver import queue
from coserver_consumer import store
from coserver_consumer.errors import (
    AddError,
    InvalidJob,
    JobNotFound,
    NotDone,
    UnknownQueue,
    WrongState,
)
from coserver_consumer.model.job import Job, State, new_id
from coserver_consumer.protocol import signing
from coserver_consumer.protocol.headers import RESERVED
from support.jobs import Jobs
from tests.plone.instance import SECRET, Instance, forget_settings

PATH = "/plone/@@view"


def commit(job_id: str) -> Job:
    """Commit and return the job."""
    transaction.commit()
    return queue.get(job_id)


def test_the_first_arguments_are_those_of_collective_taskqueue() -> None:
    """An add-on moves over by changing an import."""
    parameters = inspect.signature(queue.add).parameters.values()
    positional = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == ["url", "method", "params", "headers", "payload", "queue"]


def test_a_job_is_what_was_asked_for(jobs: Jobs) -> None:
    """Every argument arrives in the row."""
    job = commit(
        queue.add(
            f"{PATH}?y=1",
            method="post",
            params={"feed": 42, "tags": ["a", "b"]},
            headers={"x-feed": "42"},
            payload=b"body",
            priority=7,
            max_attempts=3,
            timeout=12.5,
            unique="feed:42",
            unique_for=3600,
            limit="feeds",
            title="Import feed 42",
            requires=["ffmpeg", "linux"],
        )
    )
    assert job.args == {
        "path": f"{PATH}?y=1",
        "method": "POST",
        "params": {"feed": "42", "tags": ["a", "b"]},
        "headers": {"X-Feed": "42"},
    }
    assert (job.task, job.queue, job.state) == ("view", "default", State.READY)
    assert (job.payload, job.priority, job.max_attempts) == (b"body", 7, 3)
    assert (job.timeout, job.unique_key, job.title) == (12.5, "feed:42", "Import feed 42")
    assert job.requires == ("ffmpeg", "linux")
    assert (job.unique_for, job.concurrency_key) == (3600, "feeds")


def test_a_job_is_signed(jobs: Jobs) -> None:
    """With the secret that the consumers have, as the row says it."""
    job = commit(queue.add(PATH, params={"ä": "ö"}, payload=b"\0\xff"))
    signing.verify(job, SECRET)


def test_an_object_can_stand_for_its_path(functional: Any, jobs: Jobs) -> None:
    """With the view beside it, and its site."""
    job = commit(queue.add(functional["portal"], view="@@view?x=1"))
    assert job.args["path"] == "/plone/@@view?x=1"
    assert job.site == "/plone"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("/plone/a%20b/@@view?q=a%20b", "/plone/a%20b/@@view?q=a%20b"),
        ("/plone/a b/@@view?q=a%20b", "/plone/a%20b/@@view?q=a%20b"),
        ("plone/@@view", "/plone/@@view"),
        ("//plone//@@view/", "/plone/@@view"),
        ("/", "/"),
        ("/plone/%C3%A4/ä", "/plone/%C3%A4/%C3%A4"),
        ("/plone/what%3Fx=1/@@view?y=2", "/plone/what%3Fx=1/@@view?y=2"),
        ("/plone/50%25/@@view", "/plone/50%25/@@view"),
        ("/plone/a#b", "/plone/a%23b"),
    ],
)
def test_a_path_is_written_in_one_way(jobs: Jobs, url: str, path: str) -> None:
    """From Zope's root, as collective.taskqueue took it, quoted or not; the query stays as it is.

    What was quoted stays quoted: a question mark that somebody typed doesn't begin a query.
    """
    assert commit(queue.add(url)).args["path"] == path


def test_a_view_comes_before_the_query(functional: Any, jobs: Jobs) -> None:
    """Whichever of the two has one."""
    job = commit(queue.add("/plone?x=1", view="@@view?y=2"))
    assert job.args["path"] == "/plone/@@view?x=1&y=2"


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"a": None, "b": True, "c": 1.5}, {"a": "None", "b": "True", "c": "1.5"}),
        ({"day": date(2030, 1, 31)}, {"day": "2030-01-31"}),
        ({"at": DateTime("2030/01/31 08:00 GMT+2")}, {"at": "2030/01/31 08:00:00 GMT+2"}),
        ([("a", 1), ("b", 2), ("a", [3, 4])], {"a": ["1", "3", "4"], "b": "2"}),
        ({"b": "ä".encode()}, {"b": "ä"}),
        (None, {}),
    ],
)
def test_parameters_are_what_collective_taskqueue_took(jobs: Jobs, given: Any, sent: dict) -> None:
    """What has one spelling as text; of pairs with one name none is lost."""
    assert commit(queue.add(PATH, params=given)).args["params"] == sent


def test_a_header_may_be_a_number_or_true(jobs: Jobs) -> None:
    """Spelled as collective.taskqueue did."""
    headers = {"X-Deep": True, "X-Times": 3}
    told = commit(queue.add(PATH, headers=headers)).args["headers"]
    assert told == {"X-Deep": "true", "X-Times": "3"}


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Key": "Bearer secret\r\nX-Other: 1"},
        {"X-Key": "Bearer secret\ud800"},
        {"X-Key: Bearer secret": "x"},
        {"Authorization": "Bearer secret"},
    ],
)
def test_a_refused_header_is_not_repeated(jobs: Jobs, headers: dict) -> None:
    """Its value may be a key, and errors are logged."""
    with pytest.raises(InvalidJob) as refused:
        queue.add(PATH, headers=headers)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("name", [*sorted(RESERVED), "X-Task-Id", "x-forwarded-for"])
def test_a_header_that_would_be_dropped_is_refused(jobs: Jobs, name: str) -> None:
    """Nobody believes that it was sent."""
    with pytest.raises(InvalidJob, match=f"can't have the header {name}"):
        queue.add(PATH, headers={name: "x"})


def test_what_is_too_long_for_an_address_is_refused(jobs: Jobs) -> None:
    """A web server would answer 431, and a Zope in the consumer wouldn't; as a form it goes."""
    params = {"text": "x" * 300_000}
    with pytest.raises(InvalidJob, match="Send parameters with the method POST"):
        queue.add(PATH, params=params)
    assert commit(queue.add(PATH, method="POST", params=params)).args["params"] == params


def test_a_job_without_a_title_is_called_by_its_path(jobs: Jobs) -> None:
    """So that lists of jobs can be read."""
    assert commit(queue.add(PATH)).title == PATH


def test_an_eta_is_a_moment(jobs: Jobs) -> None:
    """In whatever time zone it is given."""
    eta = datetime.now(UTC).replace(microsecond=123456) + timedelta(hours=1)
    job = commit(queue.add(PATH, eta=eta.astimezone(timezone(timedelta(hours=5)))))
    assert job.state is State.SCHEDULED
    assert job.run_at == int(eta.timestamp()) * store.SECOND + 123456


def test_an_eta_may_be_of_zope_s_kind(jobs: Jobs) -> None:
    """Which comes with a zone, unless it was written in ISO 8601 without one."""
    job = commit(queue.add(PATH, eta=DateTime("2030/01/01 08:00 GMT+2")))
    assert job.run_at == int(datetime(2030, 1, 1, 6, tzinfo=UTC).timestamp()) * store.SECOND


def test_a_delay_may_be_a_timedelta(jobs: Jobs) -> None:
    """It is so long after the job was queued, by the database's clock."""
    job = commit(queue.add(PATH, delay=timedelta(minutes=2), timeout=timedelta(hours=1)))
    assert job.state is State.SCHEDULED
    assert 110 < (job.run_at - job.created_at) / store.SECOND <= 121
    assert job.timeout == 3600


def test_none_is_not_said(jobs: Jobs) -> None:
    """A caller hands on what it was given, or not."""
    job = commit(queue.add(PATH, priority=None, delay=None, max_attempts=None, requires=None))
    assert (job.priority, job.max_attempts, job.requires) == (0, None, ())


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"url": ""}, "from Zope's root"),
        ({"url": "?x=1"}, "from Zope's root"),
        ({"url": "https://example.com/plone"}, "from Zope's root"),
        ({"url": "/plone/%2e%2e/@@view"}, r"'\.\.'"),
        ({"url": "/plone/a%2F@@view"}, "quoted slash"),
        ({"url": "/plone/%ff"}, "quoted UTF-8"),
        ({"url": "/plone/\ud800"}, "UTF-8 can spell"),
        ({"url": "/plone/a%00b"}, "NUL"),
        ({"url": "/plone/../@@view"}, r"'\.\.'"),
        ({"url": "/VirtualHostBase/http/x:80/plone"}, "'VirtualHostBase'"),
        ({"url": None}, "an object that has one"),
        ({"url": PATH, "method": "TRACE"}, "TRACE"),
        ({"url": b"/plone/@@view"}, "an object that has one, not b'/plone/@@view'"),
        ({"url": Folder}, "an object that has one, not <class"),
        ({"url": Mock()}, "an object that has one, not <Mock"),
        ({"url": PATH, "view": 5}, "view is 5, wanted the name of a view"),
        ({"url": PATH, "view": ""}, "view is '', wanted the name of a view"),
        ({"url": PATH, "view": "?x=1"}, "wanted the name of a view"),
        ({"url": PATH, "method": 5}, "method is 5, wanted one of DELETE, GET"),
        ({"url": PATH, "params": 5}, "params is 5, wanted a mapping or pairs"),
        ({"url": PATH, "params": "x=1"}, "params is 'x=1', wanted a mapping or pairs"),
        ({"url": PATH, "params": ["ab"]}, r"params is \['ab'\], wanted a mapping or pairs"),
        ({"url": PATH, "params": {"\ud800": "x"}}, "name of parameter .* isn't text that UTF-8"),
        ({"url": PATH, "params": {object(): "x"}}, "name of parameter .* is of type object"),
        ({"url": PATH, "params": {"x": 10**5000}}, "Parameter 'x' can't be written as text"),
        ({"url": PATH, "headers": "X-Y: z"}, "headers is of type str, wanted a mapping"),
        ({"url": PATH, "headers": [("X-Y", "z")]}, "headers is of type list, wanted a mapping"),
        ({"url": PATH, "payload": "\ud800"}, "payload isn't text that UTF-8 can spell"),
        ({"url": PATH, "priority": 10**5000}, "priority is .*wanted a whole number"),
        ({"url": PATH, "params": {"x": object()}}, "Parameter 'x'"),
        ({"url": PATH, "params": {"x": "\ud800"}}, "Parameter 'x' isn't text"),
        ({"url": PATH, "headers": {"X-Y": "a\r\nCookie: b"}}, "X-Y has a line break"),
        ({"url": PATH, "payload": 42}, "not int"),
        ({"url": PATH, "eta": datetime(2027, 1, 1)}, "no time zone"),  # noqa: DTZ001
        ({"url": PATH, "eta": datetime.now(UTC), "delay": 1}, "not both"),
        ({"url": PATH, "max_attempts": 0}, "wanted a whole number from 1"),
        ({"url": PATH, "delay": float("inf")}, "delay is inf, wanted seconds"),
        ({"url": PATH, "priority": "10"}, "priority is '10', wanted a whole number"),
        ({"url": PATH, "eta": DateTime("2030-01-01T08:00:00")}, "no time zone"),
        ({"url": PATH, "prioritty": 1}, "No option is called 'prioritty'"),
        ({"url": PATH, "requires": "ffmpeg"}, r"\['ffmpeg'\]"),
        ({"url": PATH, "after": "one"}, r"after is a list, such as \['one'\]"),
        ({"url": PATH, "after": ["one"]}, "after has 'one', which isn't the id of a job"),
        ({"url": PATH, "unique_for": 60}, "with a unique key"),
        ({"url": PATH, "accepts_failure": True}, "accepts_failure goes with after"),
    ],
)
def test_what_can_not_be_queued_is_refused(jobs: Jobs, arguments: dict, reason: str) -> None:
    """At once, not with the commit, and with the reason."""
    with pytest.raises(InvalidJob, match=reason):
        queue.add(**arguments)


def test_a_payload_over_the_limit_is_refused(jobs: Jobs, environment: pytest.MonkeyPatch) -> None:
    """At once, with the advice to pass a path."""
    environment.setenv("COSERVER_MAX_PAYLOAD", "1000")
    forget_settings()
    with pytest.raises(InvalidJob, match="Pass the path"):
        queue.add(PATH, method="POST", payload=b"x" * 1001)


def test_an_unknown_queue_is_an_error_that_names_the_known(jobs: Jobs) -> None:
    """A misspelt name must not collect jobs that nobody runs."""
    jobs.add_queue("video")
    with pytest.raises(UnknownQueue, match="'vidoe'; known are: default, video"):
        queue.add(PATH, queue="vidoe")


def test_a_new_queue_is_found_without_a_restart(jobs: Jobs) -> None:
    """Names that this process hasn't met are asked for."""
    with pytest.raises(UnknownQueue):
        queue.add(PATH, queue="video")
    jobs.add_queue("video")
    assert commit(queue.add(PATH, queue="video")).queue == "video"


def test_a_waiting_job_can_be_cancelled_and_run_after_all(jobs: Jobs) -> None:
    """Both at once, whatever becomes of the transaction."""
    job_id = queue.add(PATH)
    transaction.commit()
    assert queue.cancel(job_id) is State.CANCELLED
    with pytest.raises(WrongState):
        queue.cancel(job_id)
    queue.retry(job_id)
    assert queue.get(job_id).state is State.READY


def test_who_cancels_is_written_down(instance: Instance) -> None:
    """For the audit: the id of the user who is logged in."""
    job_id = queue.add(PATH)
    transaction.commit()
    queue.cancel(job_id)
    assert queue.get(job_id).error == f"cancelled by {TEST_USER_ID}"


def test_a_job_of_a_script_belongs_to_the_user_it_logged_in(functional: Any, jobs: Jobs) -> None:
    """Without a request: the owner is the security manager's user, and the site the current."""
    user = functional["app"].acl_users.getUserById("admin")
    setRequest(None)
    newSecurityManager(None, user)
    job = commit(queue.add(functional["portal"], method="POST", view="@@view"))
    assert (job.owner, job.site) == ("admin", "/plone")
    assert job.origin["user_folder"] == "/acl_users"
    assert (job.origin["server_url"], job.origin["root"]) == ("", "")


def test_a_request_that_nobody_sent_has_no_address(functional: Any, jobs: Jobs) -> None:
    """As in ``zconsole run``: links would begin with http://nohost."""
    setRequest(makerequest(functional["app"].aq_base).REQUEST)
    assert getRequest()["SERVER_URL"] == "http://nohost"
    job = commit(queue.add(functional["portal"], view="@@view"))
    assert (job.origin["server_url"], job.origin["root"]) == ("", "")


def test_a_script_s_jobs_have_the_public_address(
    functional: Any, jobs: Jobs, environment: pytest.MonkeyPatch
) -> None:
    """The setting says where visitors see the site."""
    environment.setenv("COSERVER_PUBLIC_URL", "https://www.example.com/intern/")
    forget_settings()
    setRequest(makerequest(functional["app"].aq_base).REQUEST)
    job = commit(queue.add(functional["portal"], view="@@view"))
    assert job.origin["server_url"] == "https://www.example.com"
    assert (job.origin["root"], job.origin["prefix"]) == ("/plone", ["_vh_intern"])


def test_a_script_without_user_and_site_queues_as_anonymous(functional: Any, jobs: Jobs) -> None:
    """Nobody logged in, no site set: then the job's site is that of its path, if it lies in one."""
    setRequest(None)
    setSite(None)
    noSecurityManager()
    job = commit(queue.add(PATH))
    assert (job.owner, job.site) == (None, "/plone")
    job = commit(queue.add("/@@import-feed"))
    assert (job.owner, job.site) == (None, None)


def test_code_with_borrowed_roles_queues_as_its_user(functional: Any, jobs: Jobs) -> None:
    """``adopt_roles`` lends rights to the code, not to its jobs."""
    with api.env.adopt_roles(["Manager"]):
        assert commit(queue.add(PATH)).owner == TEST_USER_ID


@pytest.mark.parametrize(
    ("name", "owner", "folder"),
    [
        (TEST_USER_ID, TEST_USER_ID, "/plone/acl_users"),
        ("test-user", TEST_USER_ID, "/plone/acl_users"),
        ("admin", "admin", "/acl_users"),
        ("nobody knows", None, None),
    ],
)
def test_an_unrestricted_user_queues_as_the_user_of_its_name(
    functional: Any, jobs: Jobs, name: str, owner: str | None, folder: str | None
) -> None:
    """By id or login name, of the site or the root; a job never has more rights than a user."""
    unrestricted = UnrestrictedUser(name, "", ["Manager"], [])
    newSecurityManager(None, unrestricted.__of__(functional["portal"].acl_users))
    job = commit(queue.add(PATH))
    assert (job.owner, job.origin["user_folder"]) == (owner, folder)


def test_the_system_user_queues_as_anonymous(functional: Any, jobs: Jobs) -> None:
    """The system's rights aren't for jobs."""
    newSecurityManager(None, system)
    assert commit(queue.add(PATH)).owner is None


def test_a_user_without_a_folder_can_not_queue(functional: Any, jobs: Jobs) -> None:
    """Nobody could find that user again."""
    user = functional["portal"].acl_users.getUserById(TEST_USER_ID)
    newSecurityManager(None, user.aq_base)
    with pytest.raises(AddError, match="without its user folder"):
        queue.add(PATH)


def test_jobs_of_other_programs_are_seen_as_well(jobs: Jobs, engine: Engine) -> None:
    """The queue is one, whoever filled it."""
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO coserver_job (task) VALUES ('mail.send')")
    (other,) = jobs.titled("mail.send")
    assert queue.get(other.id).task == "mail.send"


def test_no_method_is_the_default(jobs: Jobs) -> None:
    """``None`` is the same as not to say anything, of whatever argument."""
    said = dict.fromkeys(["method", "params", "headers", "payload", "queue", "view", "title"])
    assert commit(queue.add(PATH, **said)).args == commit(queue.add(PATH)).args


def test_a_job_of_this_transaction_is_not_committed_yet(jobs: Jobs) -> None:
    """It is staged, with all that was said of it."""
    delayed = queue.add(PATH, delay=60, priority=3, unique="x", requires=["y"], title="Later")
    queued = queue.add(PATH)
    found = queue.get(delayed)
    assert (found.id, found.state, found.name) == (delayed, State.STAGED, "Later")
    assert (found.priority, found.unique_key, found.requires) == (3, "x", ("y",))
    assert found.run_at - found.created_at == 60 * store.SECOND
    with pytest.raises(NotDone, match=f"Job {queued} is staged"):
        queue.result(queued)
    assert commit(queued).state is State.READY


@pytest.mark.parametrize("end", ["abort", "rollback"])
def test_a_job_of_an_aborted_transaction_is_gone(jobs: Jobs, end: str) -> None:
    """As it never was."""
    savepoint = transaction.savepoint()
    job_id = queue.add(PATH)
    assert queue.get(job_id).state is State.STAGED
    savepoint.rollback() if end == "rollback" else transaction.abort()
    with pytest.raises(JobNotFound):
        queue.get(job_id)


def test_a_job_that_is_not_committed_can_not_be_cancelled(jobs: Jobs) -> None:
    """Nor be run again: for others it isn't there yet."""
    job_id = queue.add(PATH)
    for change in (queue.cancel, queue.retry):
        with pytest.raises(JobNotFound):
            change(job_id)


def test_a_staged_job_has_what_the_row_has(jobs: Jobs) -> None:
    """Once it is committed; but for what only the commit knows."""
    job_id = queue.add(PATH, params={"x": 1}, method="POST", payload=b"y", timeout=9, limit="z")
    before = queue.get(job_id)._asdict()
    after = commit(job_id)._asdict()
    own = {"state", "created_at", "run_at"}
    assert {name for name in before if before[name] != after[name]} == own


def test_an_id_may_be_given_in_upper_case(jobs: Jobs) -> None:
    """As a job was queued with it, committed or not."""
    own = str(uuid4()).upper()
    queue.add(PATH, id=own)
    assert queue.get(own).state is State.STAGED
    assert commit(own.lower()).id == queue.get(own).id == own.lower()
    assert queue.cancel(own) is State.CANCELLED


@pytest.mark.parametrize("unique", [None, "k"])
def test_an_id_is_said_of_one_job_of_a_transaction(jobs: Jobs, unique: str | None) -> None:
    """Which is told where it is said again, unless a savepoint's rollback has dropped the first."""
    own = str(uuid4())
    savepoint = transaction.savepoint()
    queue.add(PATH, id=own)
    savepoint.rollback()
    queue.add(PATH, id=own, unique=unique)
    for again in (queue.add, lambda *args, **kw: queue.chain([queue.job(*args, **kw)])):
        with pytest.raises(InvalidJob, match=f"queued together have the id {own}"):
            again(PATH, id=own.upper(), unique=unique)
    assert commit(own).id == own


@pytest.mark.parametrize("end", ["commit", "failure"])
def test_nothing_is_staged_once_the_transaction_has_ended(jobs: Jobs, end: str) -> None:
    """In its after-commit hook the job is as the store has it, or nowhere."""
    found: list[State] = []

    def look(*_: bool) -> None:
        with suppress(JobNotFound):
            found.append(queue.get(job_id).state)

    job_id = queue.add(PATH, after=[] if end == "commit" else [new_id()])
    transaction.get().addAfterCommitHook(look)
    look()
    with suppress(InvalidJob):
        transaction.commit()
    transaction.abort()
    assert found == [State.STAGED, State.READY][: 2 if end == "commit" else 1]


@pytest.mark.parametrize("unique", [None, "k"])
def test_an_id_of_ones_own_is_the_job_s(jobs: Jobs, unique: str | None) -> None:
    """A second job with it is refused by the commit, also once the first has ended."""
    own = str(uuid4())
    assert queue.add(PATH, id=own, unique=unique) == own
    assert commit(own).id == own
    for reason in ("was queued before: ", "was queued before, and has ended"):
        queue.add(PATH, id=own, unique=unique)
        with pytest.raises(InvalidJob, match=reason):
            transaction.commit()
        transaction.abort()
        with suppress(WrongState):
            queue.cancel(own)
