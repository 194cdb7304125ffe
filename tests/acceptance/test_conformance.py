"""One request, one result, whichever transport: every way in which a job meets Zope.

Who it runs as, where, in which language and for which host is in ``test_identity``; statuses are
in ``test_failures``, the ends of a transaction in ``test_exactly_once`` and ``test_commit``.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from hashlib import sha256
from uuid import uuid4

import pytest

from coserver_consumer import store
from coserver_consumer.model.job import State
from coserver_consumer.store import manage
from support.installation import Installation
from support.jobs import Jobs, answer_of
from support.waiting import wait_for

pytestmark = pytest.mark.usefixtures("transport")

LIMIT = 65_536  # the setting max_result, which the installation leaves as it is
EVERY_BYTE = bytes(range(256))
JSON = {"Content-Type": "application/json; charset=utf-8"}


def description_of(installation: Installation) -> str:
    """Return the site's description."""
    return installation.admin().get("@@test-description").text


# What reaches Zope


def test_the_request_bears_the_layer_and_the_job(installation: Installation, jobs: Jobs) -> None:
    """A view can be registered for jobs, and knows which one it runs."""
    job_id = installation.queue("@@test-reached")
    told = answer_of(jobs.wait_completed(job_id))
    assert (told["is_job"], told["job"]) == (True, job_id)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_parameters_come_as_they_were(installation: Installation, jobs: Jobs, method: str) -> None:
    """Several of one name, empty ones, those that mean something to a URL, and not only ASCII."""
    params = {"tags": ["a", "b"], "empty": "", "text": "1 & 2 = 3% +;#?/", "greeting": "Grüße ☃ 🚢"}
    job_id = installation.queue("@@test-reached", method=method, params=params)
    told = answer_of(jobs.wait_completed(job_id))
    assert (told["method"], told["form"]) == (method, params)


def test_a_body_comes_as_it_was(installation: Installation, jobs: Jobs) -> None:
    """With its media type and its length, beside the parameters of the query."""
    body = json.dumps({"feed": 42, "greeting": "Grüße ☃ 🚢"}, ensure_ascii=False)
    job_id = installation.queue(
        "@@test-reached?x=1", method="POST", payload=body, headers=JSON | {"X-Feed": "42"}
    )
    told = answer_of(jobs.wait_completed(job_id))
    assert b64decode(told["body"]).decode() == body
    assert told["content_type"] == JSON["Content-Type"]
    assert told["length"] == str(len(body.encode()))
    assert told["header"] == "42"


def test_a_large_body_comes_whole(installation: Installation, jobs: Jobs) -> None:
    """Also what is no text; it is copied from the queuing request."""
    body = EVERY_BYTE * 4000
    queued = installation.admin().request(
        "POST",
        f"{installation.url}/@@test-upload",
        params={"view": "@@test-reached-size", "queue": installation.queue_name},
        data=body,
        headers={"Content-Type": "application/octet-stream"},
    )
    queued.raise_for_status()
    told = answer_of(jobs.wait_completed(queued.text))
    assert told == {"size": len(body), "digest": sha256(body).hexdigest()}


def test_an_uploaded_file_comes_whole(installation: Installation, jobs: Jobs) -> None:
    """The body of a form with a file, of every byte there is, copied from the queuing request."""
    queued = installation.admin().upload(
        "@@test-upload",
        {"file": ("grüße.bin", EVERY_BYTE * 64, "application/x-harbour")},
        view="@@test-reached",
        queue=installation.queue_name,
        note="Grüße ☃",
    )
    queued.raise_for_status()
    told = answer_of(jobs.wait_completed(queued.text))
    assert told["content_type"].startswith("multipart/form-data; boundary=")
    assert told["form"]["note"] == "Grüße ☃"
    assert told["form"]["file"] == {
        "filename": "grüße.bin",
        "type": "application/x-harbour",
        "content": b64encode(EVERY_BYTE * 64).decode(),
    }


def test_the_skin_is_that_of_the_queuing_request(installation: Installation, jobs: Jobs) -> None:
    """A cookie chose it, which the job doesn't bear."""
    name = f"Skin for {installation.queue_name}"
    browser = installation.admin()
    cookie = browser.get("@@test-add-skin", name=name).text
    browser.session.cookies.set(cookie, f'"{name}"')
    job_id = installation.queue("@@test-reached", by=browser)
    assert answer_of(jobs.wait_completed(job_id))["skin"] == name
    other = installation.queue("@@test-reached")
    assert answer_of(jobs.wait_completed(other))["skin"] == "Plone Default"


@pytest.mark.parametrize(("work", "returned"), [("view", "published"), ("function", "/Plone/")])
def test_content_is_found_where_it_is_now(
    installation: Installation, jobs: Jobs, work: str, returned: str
) -> None:
    """It was moved since its job was queued, and plone.app.redirector knows it."""
    made = installation.make_document(delay="3600", work=work)
    place = installation.admin().get("@@test-move-document", how="move", name=made["name"]).text
    store.write(jobs.engine, lambda connection: manage.retry(connection, made["job_id"]))
    result = jobs.wait_completed(made["job_id"]).result
    expected = returned if work == "view" else f"{returned}{place}"
    assert (result["body"] if work == "view" else result) == expected


@pytest.mark.parametrize("work", ["view", "function"])
def test_what_took_the_place_of_content_is_not_run(
    installation: Installation, jobs: Jobs, work: str
) -> None:
    """The job fails at once, as its content is gone."""
    made = installation.make_document(delay="3600", work=work)
    place = installation.admin().get("@@test-move-document", how="swap", name=made["name"]).text
    store.write(jobs.engine, lambda connection: manage.retry(connection, made["job_id"]))
    job = jobs.wait_ended(made["job_id"])
    assert (job.state, job.attempt) == (State.FAILED, 1)
    assert f"that was at /Plone/{place} (UID " in job.error
    assert "is gone" in job.error


# What comes back


def test_an_answer_that_is_not_ascii_comes_back(installation: Installation, jobs: Jobs) -> None:
    """As the text that it was."""
    job_id = installation.queue("@@test-large", params={"letters": "3"})
    result = jobs.wait_completed(job_id).result
    assert (result["status"], result["body"]) == (200, "äää")
    assert "is_cut" not in result


def test_a_large_result_is_cut(installation: Installation, jobs: Jobs) -> None:
    """It says so, what is kept is whole letters, and the job is completed."""
    job_id = installation.queue("@@test-large", params={"letters": str(LIMIT * 16)})
    result = jobs.wait_completed(job_id).result
    assert result["is_cut"] is True
    assert LIMIT / 8 < len(result["body"]) < LIMIT
    assert set(result["body"]) <= {"ä", "\N{REPLACEMENT CHARACTER}"}
    assert result["body"].count("ä") >= len(result["body"]) - 1


def test_of_an_answer_that_is_no_text_the_type_is_kept(
    installation: Installation, jobs: Jobs
) -> None:
    """The bytes belong into the site."""
    result = jobs.wait_completed(installation.queue("@@test-binary")).result
    assert (result["status"], result["body"]) == (200, None)
    assert result["content_type"].startswith("application/octet-stream")


# How it ends


def test_an_exception_fails_the_attempt_and_undoes_it(
    installation: Installation, jobs: Jobs
) -> None:
    """Nothing that the view wrote is there."""
    job_id = installation.queue("@@test-raise", params={"error": "value"}, max_attempts=2)
    job = jobs.wait_ended(job_id)
    assert (job.state, job.attempt) == (State.FAILED, 2)
    assert job.error == "ValueError: This was meant to be raised: Grüße."
    assert description_of(installation) != "written by what raised"


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("doom", "its transaction was doomed"),
        ("redirect", "raised Redirect to /elsewhere"),
        ("conflict", "ConflictError: "),
        ("exit", "SystemExit: 3"),
    ],
)
def test_a_view_whose_work_zope_undoes_is_not_completed(
    installation: Installation, jobs: Jobs, how: str, error: str
) -> None:
    """Whatever status it would have answered with: it is tried again, then it has failed."""
    job_id = installation.queue("@@test-raise", params={"error": how}, max_attempts=2)
    job = jobs.wait_ended(job_id)
    assert (job.state, job.attempt) == (State.FAILED, 2)
    assert error in job.error
    assert description_of(installation) != "written by what raised"


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("doom", "its transaction was doomed"),
        ("unwritable", "TypeError: cannot pickle"),
        ("exit", "SystemExit: 3"),
    ],
)
def test_a_function_whose_work_zope_undoes_is_not_completed(
    installation: Installation, jobs: Jobs, how: str, error: str
) -> None:
    """Though it returned."""
    job = jobs.wait_ended(installation.queue_call("spoil", how, max_attempts=2))
    assert (job.state, job.attempt) == (State.FAILED, 2)
    assert error in job.error
    assert description_of(installation) != "written by what raised"


def test_a_function_that_snoozed_is_called_again(installation: Installation, jobs: Jobs) -> None:
    """Also if its code went on and returned; of that nothing is there."""
    job_id = installation.queue_call("rest_carefully", f"r{uuid4().hex}")
    job = jobs.wait_completed(job_id)
    assert job.attempt == 1
    assert job.result not in ("went on", "written by what raised")


def test_what_a_function_does_to_the_response_means_nothing(
    installation: Installation, jobs: Jobs
) -> None:
    """It returned, so its job is completed, once."""
    name = f"c{uuid4().hex}"
    job = jobs.wait_completed(installation.queue_call("count_and_respond", name))
    assert (job.attempt, job.result) == (1, 1)
    assert installation.admin().get("@@test-counted", name=name).text == "1"


def test_unauthorized_fails_the_job_at_once(installation: Installation, jobs: Jobs) -> None:
    """Whether Zope answers with 401 or with its login form."""
    for login in (installation.user("carl"), installation.visitor()):
        job_id = installation.queue("@@test-raise", by=login, params={"error": "unauthorized"})
        job = jobs.wait_ended(job_id)
        assert (job.state, job.attempt) == (State.FAILED, 1)
        assert "401 Unauthorized: This was meant to be raised: Grüße. (as " in job.error
        assert ("'carl' of /Plone/acl_users" if login.session.auth else "Anonymous") in job.error


def test_what_is_not_found_fails_the_job_at_once(installation: Installation, jobs: Jobs) -> None:
    """An object or a view."""
    for view in ("no-such-object/@@ok", "@@no-such-view"):
        job = jobs.wait_ended(installation.queue(view))
        assert (job.state, job.attempt) == (State.FAILED, 1)
        assert "404" in job.error


def test_a_redirect_within_the_site_completes_the_job(
    installation: Installation, jobs: Jobs
) -> None:
    """As it ends a form; it isn't followed."""
    job_id = installation.queue("@@test-redirect", params={"to": f"{installation.url}/no-such"})
    assert jobs.wait_completed(job_id).result["status"] == 302


def test_a_redirect_to_zope_itself_is_one_within_the_site(
    installation: Installation, jobs: Jobs
) -> None:
    """Also where people know the site by another address."""
    public = installation.admin_behind_proxy("https://www.example.com")
    for to in (f"{installation.job_zope_url}/Plone", "https://www.example.com/x", "/x"):
        job_id = installation.queue("@@test-redirect", by=public, params={"to": to})
        assert jobs.wait_completed(job_id).result["status"] == 302


def test_a_redirect_elsewhere_fails_the_job(installation: Installation, jobs: Jobs) -> None:
    """And nobody else is asked."""
    job_id = installation.queue("@@test-redirect", params={"to": "https://elsewhere.example/x"})
    job = jobs.wait_ended(job_id)
    assert (job.state, job.attempt) == (State.FAILED, 1)
    assert "elsewhere.example" in job.error


def test_a_conflict_is_made_good_within_the_attempt(installation: Installation, jobs: Jobs) -> None:
    """Zope begins the request again, with its body."""
    name = f"c{uuid4().hex}"
    job_id = installation.queue("@@test-count-amid-conflict", method="POST", params={"name": name})
    job = jobs.wait_completed(job_id)
    assert (job.attempt, job.result["body"]) == (1, "1")
    assert installation.admin().get("@@test-counted", name=name).text == "1"


def test_progress_and_lines_are_seen_while_the_job_runs(
    installation: Installation, jobs: Jobs
) -> None:
    """Long before its commit."""
    gate = f"g{uuid4().hex}"
    job_id = installation.queue("@@test-work", params={"gate": gate})
    wait_for(lambda: jobs.lines(job_id), what="a line")
    job = jobs.get(job_id)
    assert (job.state, job.progress, job.progress_text) == (
        State.RUNNING,
        0.5,
        "half of it: Grüße",
    )
    assert description_of(installation) != f"written by {gate}"
    installation.gates.open(gate)
    assert jobs.wait_completed(job_id).result["body"] == "through"
    assert description_of(installation) == f"written by {gate}"


def test_a_cancelled_job_stops_and_is_undone(installation: Installation, jobs: Jobs) -> None:
    """Where it looks whether somebody has cancelled it."""
    gate = f"g{uuid4().hex}"
    job_id = installation.queue("@@test-work", params={"gate": gate})
    wait_for(lambda: jobs.lines(job_id), what="a line")
    store.write(jobs.engine, lambda connection: manage.cancel(connection, job_id))
    installation.gates.open(gate)
    assert jobs.wait_ended(job_id).state is State.CANCELLED
    assert description_of(installation) != f"written by {gate}"
