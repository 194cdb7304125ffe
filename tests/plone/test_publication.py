"""A job's request: admitted by its run token, run as its owner, where it was queued."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace
from typing import Any

import jwt
import pytest
import requests
import transaction
from plone import api
from plone.app.testing import SITE_OWNER_NAME
from Products.PluggableAuthService.interfaces.plugins import IUserEnumerationPlugin

from collective.coserver import queue
from collective.coserver.publication.admission import find_handed_job
from coserver_consumer.model.job import RunKey, State, new_id
from coserver_consumer.model.outcome import Cancelled, Completed, NotTried, Obstacle
from coserver_consumer.protocol.markers import COMPLETED_RUN, IN_PROCESS
from coserver_consumer.protocol.outcome_message import MEDIA_TYPE, load_outcome
from coserver_consumer.protocol.tokens import seal
from support.waiting import PATIENCE
from tests.plone import functions
from tests.plone.instance import PASSWORD, SECRET, Instance, forget_settings

TELL = "/plone/@@test-tell"
FOR_JOBS = "/plone/@@test-tell-jobs"


def test_a_job_runs_as_the_user_of_the_site_who_queued_it(instance: Instance) -> None:
    """With that user's roles and no others."""
    instance.add_user("jane")
    told = instance.queue_and_run(FOR_JOBS, login="jane").json()
    assert told["user"] == "jane"
    assert told["roles"] == ["Authenticated", "Member"]


def test_a_job_runs_as_the_user_of_the_root_who_queued_it(instance: Instance) -> None:
    """The root's user folder has the plugin too."""
    instance.add_user("root-jane", users=instance.app.acl_users, roles=("Manager",))
    told = instance.queue_and_run(FOR_JOBS, login="root-jane").json()
    assert told["user"] == "root-jane"
    assert "Manager" in told["roles"]


def test_namesakes_in_two_user_folders_stay_apart(instance: Instance) -> None:
    """The site's jane doesn't become the root's manager of the same name."""
    instance.add_user("jane")
    instance.add_user("jane", users=instance.app.acl_users, roles=("Manager",))
    told = instance.queue_and_run(FOR_JOBS, login="jane").json()
    assert told["roles"] == ["Authenticated", "Member"]


def test_a_namesake_in_the_site_does_not_stand_in_the_way(instance: Instance) -> None:
    """The root's jane stays who she is where the site has a jane of its own."""
    instance.add_user("jane")
    instance.add_user("jane", users=instance.app.acl_users, roles=("Manager",))
    told = instance.queue_and_run(FOR_JOBS, at="/@@test-queue", login="jane").json()
    assert "Manager" in told["roles"]


def test_a_visitors_job_runs_as_anonymous(instance: Instance) -> None:
    """Who isn't logged in owns nothing."""
    told = instance.queue_and_run(FOR_JOBS).json()
    assert told["user"] is None
    assert told["roles"] == ["Anonymous"]


def test_a_job_may_do_what_its_owner_may(instance: Instance) -> None:
    """A manager's job sees what only managers see."""
    instance.add_user("boss", roles=("Manager",))
    answer = instance.queue_and_run("/plone/@@test-tell-managers", login="boss")
    assert answer.json()["user"] == "boss"


def test_a_job_may_not_do_what_its_owner_may_not(instance: Instance) -> None:
    """Where its owner would be sent to the login form, the job is told who wasn't allowed what."""
    instance.add_user("jane")
    failed = load_outcome(
        instance.queue_and_run("/plone/@@test-tell-managers", login="jane").content
    )
    assert not failed.retry
    assert failed.error.startswith("GET /plone/@@test-tell-managers was answered 401")
    assert "as 'jane' of /plone/acl_users" in failed.error


def test_a_job_of_a_deleted_user_is_refused(instance: Instance) -> None:
    """Also where Anonymous might look: never as somebody else."""
    instance.add_user("jane")
    instance.queue(TELL, login="jane")
    instance.portal.acl_users.userFolderDelUsers(["jane"])
    transaction.commit()
    answer = instance.run(instance.claim())
    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == MEDIA_TYPE
    assert "'jane' of /plone/acl_users, can't be logged in" in answer.text


def test_a_job_of_a_locked_user_is_refused(instance: Instance) -> None:
    """A user whom the user folder doesn't list any more is as good as deleted."""
    instance.add_user("jane")
    instance.queue(TELL, login="jane")
    plugins = instance.portal.acl_users.plugins
    for plugin_id in plugins.listPluginIds(IUserEnumerationPlugin):
        plugins.deactivatePlugin(IUserEnumerationPlugin, plugin_id)
    transaction.commit()
    assert instance.run(instance.claim()).status_code == 401


def test_a_job_of_a_site_is_refused_outside_of_its_user_folder(instance: Instance) -> None:
    """At Zope's root the site's jane is nobody."""
    instance.add_user("jane")
    answer = instance.queue_and_run("/@@test-tell", login="jane")
    assert answer.status_code == 401


def test_a_job_of_a_site_without_the_add_on_is_refused(instance: Instance) -> None:
    """Without the plugin nobody is logged in, and so nothing is run."""
    instance.add_user("jane")
    instance.queue(TELL, login="jane")
    instance.portal.acl_users.manage_delObjects(["coserver_job_owner"])
    transaction.commit()
    assert instance.run(instance.claim()).status_code == 401


@pytest.mark.parametrize("url", ["/plone/@@test-tell", "@@test-tell", "/plone/@@test-tell-jobs"])
def test_a_request_within_a_job_is_the_job_s(instance: Instance, url: str) -> None:
    """Tiles and themes are asked for by plone.subrequest, as the job's owner, who it was before."""
    instance.add_user("jane")
    told = instance.queue_and_run("/plone/@@test-tile", login="jane", params={"url": url}).json()
    assert (told["user"], told["roles"]) == ("jane", ["Authenticated", "Member"])
    assert told["job"] is not None


def test_a_request_within_a_job_gains_no_rights(instance: Instance) -> None:
    """What its owner may not see, it isn't shown."""
    instance.add_user("jane")
    params = {"url": "/plone/@@test-tell-managers"}
    instance.queue("/plone/@@test-tile", login="jane", params=params)
    answer = instance.run(instance.claim())
    assert '"user"' not in answer.text


def test_a_request_within_a_job_leaves_the_user_folder_of_its_owner(instance: Instance) -> None:
    """At Zope's root the site's jane is nobody."""
    instance.add_user("jane")
    params = {"url": "/@@test-tell-anywhere"}
    told = instance.queue_and_run("/plone/@@test-tile", login="jane", params=params).json()
    assert told["user"] is None


def test_a_request_within_a_visitor_s_job_is_a_visitor_s(instance: Instance) -> None:
    """Also beside a cookie or password of somebody else: a job bears none."""
    params = {"url": "/plone/@@test-tell"}
    told = instance.queue_and_run("/plone/@@test-tile", params=params).json()
    assert told["user"] is None


def test_a_challenge_is_what_it_was(instance: Instance) -> None:
    """A browser without rights still gets the login form."""
    answer = instance.browse("/plone/@@test-tell-managers")
    assert answer.status_code == 302
    assert "require_login" in answer.headers["Location"]


def test_a_view_for_jobs_is_not_found_by_a_browser(instance: Instance) -> None:
    """Not even by a manager's."""
    instance.add_user("boss", roles=("Manager",))
    assert instance.browse(FOR_JOBS, login="boss").status_code == 404


def test_a_view_for_jobs_goes_before_one_for_everybody(instance: Instance) -> None:
    """The same name may answer jobs and browsers differently."""
    assert instance.browse("/plone/@@test-which").text == "for everybody"
    assert instance.queue_and_run("/plone/@@test-which").text == "for jobs"


def test_a_get_that_writes_is_not_blocked(instance: Instance) -> None:
    """plone.protect stops a browser's GET; a job's bears no cookie that could be abused."""
    instance.add_user("boss", roles=("Manager",))
    path = "/plone/@@test-write?title=written"
    browser = instance.browse(path, login="boss")
    transaction.begin()
    assert "confirm-action" in browser.headers["Location"]
    assert instance.portal.title != "written"
    assert instance.queue_and_run(path, login="boss").status_code == 200
    transaction.begin()
    assert instance.portal.title == "written"


def test_a_job_knows_itself(instance: Instance) -> None:
    """The view sees which job it runs and in which attempt."""
    job_id = instance.queue(FOR_JOBS)
    told = instance.run(instance.claim()).json()
    assert told["job"] == job_id
    assert told["attempt"] == 1


def test_a_job_gets_its_parameters(instance: Instance) -> None:
    """Those of the path and those beside it, several of one name, and not only ASCII."""
    told = instance.queue_and_run(
        f"{FOR_JOBS}?x=1&y=ä ö", params={"feed": "42 & more", "tags": ["a", "b"]}
    ).json()
    assert told["form"] == {"x": "1", "y": "ä ö", "feed": "42 & more", "tags": ["a", "b"]}


def test_a_post_sends_its_parameters_as_a_form(instance: Instance) -> None:
    """Where the queuing request has no body to copy."""
    told = instance.queue_and_run(FOR_JOBS, method="POST", params={"feed": "42"}).json()
    assert told["form"] == {"feed": "42"}


def test_a_payload_is_the_body(instance: Instance) -> None:
    """With the media type that the caller says."""
    told = instance.queue_and_run(
        FOR_JOBS,
        method="POST",
        payload='{"feed": 42}',
        headers={"Content-Type": "application/json"},
    ).json()
    assert told["body"] == '{"feed": 42}'


def test_the_body_of_the_queuing_request_is_copied_if_asked_for(instance: Instance) -> None:
    """With its media type, and it is left for others to read."""
    sent = {"method": "POST", "data": b"<feed/>", "headers": {"Content-Type": "text/feed"}}
    options = {"options": json.dumps({"url": FOR_JOBS, "method": "POST"}), "current": "yes"}
    queued = instance.browse("/plone/@@test-queue", params=options, **sent)
    assert queued.headers["X-Left"] == "<feed/>"
    job = instance.claim()
    assert job.payload == b"<feed/>"
    assert job.args["headers"] == {"Content-Type": "text/feed"}
    assert instance.run(job).json()["body"] == "<feed/>"


def test_no_body_is_copied_unasked(instance: Instance) -> None:
    """A form holds a password and a token, and a job is kept for weeks."""
    options = json.dumps({"url": FOR_JOBS, "method": "POST", "params": {"feed": "42"}})
    form = {"options": options, "password": "secret", "_authenticator": "token"}
    instance.browse("/plone/@@test-queue", method="POST", data=form).raise_for_status()
    job = instance.claim()
    assert (job.payload, job.args["headers"]) == (None, {})
    assert instance.run(job).json()["form"] == {"feed": "42"}


def test_a_path_may_have_spaces_and_commas(instance: Instance) -> None:
    """It is quoted on the wire, and still the path that the token names."""
    with api.env.adopt_roles(["Manager"]):
        instance.portal.invokeFactory("Folder", "a b, c")
    transaction.commit()
    told = instance.queue_and_run("/plone/a b, c/@@test-tell").json()
    assert told["url"] == f"{instance.url}/plone/a%20b%2C%20c"


@pytest.mark.parametrize(
    "prefix", ["", "/VirtualHostBase/https/www.example.com:443/plone/VirtualHostRoot"]
)
def test_a_quoted_question_mark_is_part_of_a_step(instance: Instance, prefix: str) -> None:
    """Whoever typed it doesn't choose another view by it."""
    at = f"{prefix}/@@test-queue" if prefix else "/plone/@@test-queue"
    told = instance.queue_and_run("/plone/@@test-steps/what%3Fx=1/50%25/ä?y=2", at=at).json()
    assert told == {"steps": ["what?x=1", "50%", "ä"], "form": {"y": "2"}}


def test_a_job_keeps_the_virtual_host(instance: Instance) -> None:
    """Links that a job makes are the public ones."""
    at = "/VirtualHostBase/https/www.example.com:443/plone/VirtualHostRoot/_vh_intern/@@test-queue"
    told = instance.queue_and_run(FOR_JOBS, at=at).json()
    assert told["url"] == "https://www.example.com/intern"


LANGUAGES_OWN = "/VirtualHostBase/https/www.example.de:443/plone/de/VirtualHostRoot/_vh_intern"


@pytest.fixture
def folder(instance: Instance) -> Any:
    """A folder of the site that has a domain of its own."""
    with api.env.adopt_roles(["Manager"]):
        instance.portal.invokeFactory("Folder", "de")
    transaction.commit()
    return instance.portal["de"]


def test_a_function_keeps_the_virtual_host_of_a_folder(instance: Instance, folder: Any) -> None:
    """A language has its own domain; the function is reached above it."""
    instance.browse(f"{LANGUAGES_OWN}/@@test-locate").raise_for_status()
    outcome = load_outcome(instance.run(instance.claim()).content)
    assert outcome == Completed(result="https://www.example.de/intern")


def test_a_view_of_the_site_keeps_the_virtual_host_of_a_folder(
    instance: Instance, folder: Any
) -> None:
    """What lies beside the virtual root has the address that the queuing request gives it."""
    told = instance.queue_and_run(FOR_JOBS, at=f"{LANGUAGES_OWN}/@@test-queue").json()
    assert told["url"] == "https://www.example.de/intern"
    inside = instance.queue_and_run(
        "/plone/de/@@test-tell-jobs", at=f"{LANGUAGES_OWN}/@@test-queue"
    )
    assert inside.json()["url"] == "https://www.example.de/intern"


def test_a_job_of_a_job_keeps_the_virtual_host(instance: Instance) -> None:
    """Also when a job queues the next."""
    at = "/VirtualHostBase/https/www.example.com:443/plone/VirtualHostRoot/@@test-queue"
    options = '{"url": "/plone/@@test-tell-jobs"}'
    first = instance.queue_and_run("/plone/@@test-queue", at=at, params={"options": options})
    second = instance.claim()
    assert second.id == first.text
    assert instance.run(second).json()["url"] == "https://www.example.com"


def test_a_job_keeps_the_language(instance: Instance) -> None:
    """The site would negotiate it anew, from nothing."""
    speak(instance, "en", "de")
    sent = {"headers": {"Accept-Language": "de"}}
    instance.queue(FOR_JOBS, browse=sent)
    told = instance.run(instance.claim()).json()
    assert told["language"] == "de"
    assert told["translated"] == "Gescheitert"


def speak(instance: Instance, *languages: str) -> None:
    """Let the site follow the browser's choice of language."""
    api.portal.set_registry_record("plone.available_languages", list(languages))
    api.portal.set_registry_record("plone.use_request_negotiation", True)
    transaction.commit()


def test_a_language_outlasts_the_site_s_negotiation(instance: Instance) -> None:
    """The job's language holds even where the site doesn't look at Accept-Language."""
    speak(instance, "en", "de")
    instance.queue(FOR_JOBS, browse={"headers": {"Accept-Language": "de"}})
    api.portal.set_registry_record("plone.use_request_negotiation", False)
    transaction.commit()
    assert instance.run(instance.claim()).json()["language"] == "de"


def test_a_job_keeps_the_skin(instance: Instance) -> None:
    """portal_skins' current skin is that of the queuing request."""
    skins = instance.portal.portal_skins
    skins.addSkinSelection("Other", skins.getSkinPath("Plone Default"))
    transaction.commit()
    name = skins.getRequestVarname()
    instance.queue(FOR_JOBS, browse={"cookies": {name: "Other"}})
    assert instance.run(instance.claim()).json()["skin"] == "Other"


def test_a_request_id_is_handed_on(instance: Instance) -> None:
    """So that the lines of two logs can be tied together."""
    instance.queue(FOR_JOBS, browse={"headers": {"X-Request-Id": "r-42"}})
    assert instance.run(instance.claim()).json()["request_id"] == "r-42"


def test_no_right_is_copied_from_the_queuing_request(instance: Instance) -> None:
    """Neither its cookie nor its password."""
    instance.add_user("jane")
    instance.queue(FOR_JOBS, login="jane", browse={"cookies": {"__ac": "secret"}})
    assert instance.claim().args["headers"] == {}


@pytest.mark.parametrize("made_up", ["", "x", "a.b.c", "e30.e30.e30"])
def test_a_made_up_token_is_refused(instance: Instance, made_up: str) -> None:
    """With a plain reason, and no login form."""
    instance.queue(TELL)
    answer = instance.run(instance.claim(), token=made_up)
    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == MEDIA_TYPE
    assert answer.headers["WWW-Authenticate"] == "Coserver"
    assert "token" in answer.text.lower()


def test_a_token_with_another_secret_is_refused(instance: Instance) -> None:
    """Whoever doesn't know the secret can't make one."""
    instance.queue(TELL)
    job = instance.claim()
    assert instance.run(job, token=instance.token(job, secret="x" * 40)).status_code == 401


def test_an_unsigned_token_is_refused(instance: Instance) -> None:
    """The algorithm ``none`` isn't one."""
    instance.queue(TELL)
    job = instance.claim()
    said = jwt.decode(instance.token(job), options={"verify_signature": False})
    forged = jwt.encode(said, None, algorithm="none")
    assert instance.run(job, token=forged).status_code == 401


@pytest.mark.parametrize(
    "changes",
    [
        {"expires": 0},
        {"method": "POST"},
        {"target": "/plone/@@test-write"},
        {"key": RunKey(new_id(), 1)},
    ],
    ids=["expired", "for another method", "for another path", "for another job"],
)
def test_a_token_for_something_else_is_refused(instance: Instance, changes: dict) -> None:
    """It is good for one request of one run."""
    instance.queue(TELL)
    job = instance.claim()
    assert instance.run(job, token=instance.token(job, **changes)).status_code == 401


def test_a_token_for_another_body_is_refused(instance: Instance) -> None:
    """Who reads a run's token on its way can't send other data with it."""
    instance.queue(TELL, method="POST", payload="a=1")
    job = instance.claim()
    assert instance.run(job, token=instance.token(job, body=b"a=2")).status_code == 401
    assert instance.run(job).status_code == 200


def test_a_service_of_consumers_answers_a_seal_once(instance: Instance) -> None:
    """Neither one for another service, nor one that was seen on its way."""
    address = f"{instance.url}/@@coserver-functions"

    def ask(sealed: str) -> int:
        headers = {"Authorization": f"Coserver-Seal {sealed}"}
        return requests.post(address, data=b"[]", headers=headers, timeout=PATIENCE).status_code

    good = seal(b"[]", service="/@@coserver-functions", secret=SECRET, now=time.time())
    assert ask(seal(b"[]", service="/@@coserver-evidence", secret=SECRET, now=time.time())) == 401
    assert ask(good) == 200
    assert ask(good) == 401


def test_a_token_of_another_run_is_refused(instance: Instance) -> None:
    """A consumer that lost its lease can't go on."""
    instance.queue(TELL)
    job = instance.claim()
    old = RunKey(job.id, job.run - 1)
    assert instance.run(job, token=instance.token(job, key=old)).status_code == 401


def test_a_job_that_was_changed_in_sql_is_refused(instance: Instance) -> None:
    """Who can write into the queue's database doesn't become a manager."""
    instance.add_user("boss", roles=("Manager",))
    instance.queue(TELL)
    with instance.jobs.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE coserver_job SET owner = 'boss'")
    answer = instance.run(instance.claim())
    assert answer.status_code == 401
    assert "signature" in answer.text


def test_a_forged_header_gains_nothing(instance: Instance) -> None:
    """The header that collective.taskqueue believed is for reading only."""
    headers = {"X-Task-User-Id": SITE_OWNER_NAME, "X-Task-Id": new_id()}
    told = instance.browse(TELL, headers=headers).json()
    assert told["user"] is None
    assert told["job"] is None


@pytest.mark.parametrize("name", [IN_PROCESS, "Coserver.Job", "Coserver-Job", "coserver_job"])
def test_no_header_hands_a_job_over(instance: Instance, name: str) -> None:
    """That is for a consumer in the same process, and no view for jobs is found."""
    instance.queue(FOR_JOBS)
    job = instance.claim()
    for said in (job.id, repr(job), '{"id": "x", "owner": "admin"}'):
        assert instance.browse(FOR_JOBS, headers={name: said}).status_code == 404
        told = instance.browse("/plone/@@test-tell", headers={name: said}).json()
        assert (told["job"], told["user"]) == (None, None)


@pytest.mark.parametrize("said", ["text", b"bytes", {"id": "x"}, True, None])
def test_only_a_job_is_handed_over(instance: Instance, said: Any) -> None:
    """A web server may put whatever its settings say into the environment: never a job."""
    assert find_handed_job(SimpleNamespace(environ={IN_PROCESS: said})) is None


def test_a_forged_form_gains_nothing(instance: Instance) -> None:
    """What the plugin believes can't be put into a request from outside."""
    path = f"{TELL}?_coserver_job=1&coserver_job={new_id()}&coserver_run:int=1"
    assert instance.browse(path).json()["user"] is None


def test_a_password_works_as_ever(instance: Instance) -> None:
    """The plugin doesn't keep others from logging in."""
    instance.add_user("jane")
    assert instance.browse(TELL, login="jane").json()["user"] == "jane"
    assert PASSWORD not in instance.browse(TELL, login="jane").text


def test_zope_says_so_when_it_can_not_ask_the_queue(
    instance: Instance, environment: pytest.MonkeyPatch
) -> None:
    """A queue out of reach isn't a bad token: 503 lets the consumer try again."""
    instance.queue(TELL)
    job = instance.claim()
    environment.setenv("COSERVER_DATABASE", "sqlite:////nonexistent/queue.sqlite")
    forget_settings()
    answer = instance.run(job)
    assert answer.status_code == 503
    assert "nonexistent" not in answer.text


@pytest.mark.parametrize("view", ["@@test-tell", "@@test-write?title=x", "@@no-such-view"])
def test_zope_says_when_its_commit_has_ended_the_job(instance: Instance, view: str) -> None:
    """By a header that names the run; where the attempt has failed it says nothing."""
    instance.add_user("boss", roles=("Manager",))
    instance.queue(f"/plone/{view}", login="boss")
    job = instance.claim()
    answer = instance.run(job)
    has_ended = answer.status_code == 200
    assert answer.headers.get(COMPLETED_RUN) == (f"{job.id}:{job.run}" if has_ended else None)
    assert (instance.jobs.get(job.id).state is State.COMPLETED) is has_ended
    assert has_ended is (view != "@@no-such-view")


def test_no_browser_is_told_of_a_job(instance: Instance) -> None:
    """There is none."""
    assert COMPLETED_RUN not in instance.browse(TELL).headers


def test_progress_is_seen_while_the_job_runs(instance: Instance) -> None:
    """It is committed at once, not with the view."""
    instance.queue("/plone/@@test-report")
    job = instance.claim()
    assert instance.run(job).text == "not cancelled"
    seen = instance.jobs.get(job.id)
    assert (seen.progress, seen.progress_text) == (0.4, "page 4 of 10")


def test_a_cancelled_job_stops_where_it_checks(instance: Instance) -> None:
    """Its transaction is aborted, and its consumer is told."""
    job_id = instance.queue("/plone/@@test-report")
    job = instance.claim()
    queue.cancel(job_id)
    answer = instance.run(job)
    assert answer.status_code == 503
    assert load_outcome(answer.content) == Cancelled()
    transaction.begin()
    assert instance.portal.title != "written by a report"


def test_a_view_that_wants_plone_protects_token_fails(instance: Instance) -> None:
    """As the reference says, which has the way out; a view that doesn't ask may write in a GET."""
    instance.add_user("boss", roles=("Manager",))
    path = "/plone/content_status_modify?workflow_action=publish"
    failed = load_outcome(instance.queue_and_run(path, login="boss").content)
    assert (failed.retry, "403" in failed.error) == (False, True)
    assert "Form authenticator is invalid" in failed.error


def test_a_job_whose_way_cannot_be_loaded_was_not_tried(instance: Instance) -> None:
    """The ZODB is away before the view is called: that is no fault of the job."""
    hindered = load_outcome(instance.queue_and_run("/plone/@@test-steps/unreadable").content)
    assert isinstance(hindered, NotTried)
    assert hindered.obstacle is Obstacle.ZODB
    assert "The server is away." in hindered.reason


@pytest.mark.parametrize("how", functions.EXITS)
def test_a_view_that_exits_is_answered(instance: Instance, how: str) -> None:
    """At once, as a failed attempt: its consumer would wait for as long as the job may take."""
    answer = instance.queue_and_run(f"/plone/@@test-end?how={how}")
    assert load_outcome(answer.content).error == f"{functions.EXITS[how].__name__}: 3"
    transaction.begin()
    assert instance.portal.title != "half done"


def test_a_run_is_let_in_once_by_a_process(instance: Instance) -> None:
    """Whoever has seen its request on the way can't have it done again."""
    instance.queue(TELL)
    job = instance.claim()
    assert instance.run(job).status_code == 200
    assert instance.run(job).status_code == 401
