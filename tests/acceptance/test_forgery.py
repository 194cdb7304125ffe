"""Who isn't a consumer gains nothing, whatever a request claims."""

from collections.abc import Iterator

import pytest
import requests

from coserver_consumer.model.job import Job, RunKey, new_id
from support.installation import Installation
from support.jobs import Jobs
from support.waiting import PATIENCE

PATH = "/Plone/@@test-who-am-i"
OTHER_PATH = "/Plone/@@say-hello"
OTHER_SECRET = "somebody else's: 0123456789abcdef0123456789abcdef"


@pytest.fixture
def running(installation: Installation) -> Iterator[Job]:
    """A job of the manager's that runs during the test, so that tokens can name its run."""
    gate = f"forgery-{new_id()}"
    job_id = installation.queue("@@test-stand-at-gate", params={"gate": gate})
    installation.gates.wait_reached(gate)
    yield installation.jobs.wait_running(job_id)
    installation.gates.open(gate)
    installation.jobs.wait_ended(job_id)


def call(
    installation: Installation, *, url: str | None = None, **headers: str
) -> requests.Response:
    """Ask Zope as a consumer does, with these headers; the one that runs the jobs unless given."""
    return requests.get(
        (url or installation.job_zope_url) + PATH,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        timeout=PATIENCE,
    )


def call_with_token(installation: Installation, token: str) -> requests.Response:
    """Ask Zope as a consumer does, with this token."""
    return call(installation, Authorization=f"Coserver {token}")


def test_a_forged_user_header_gains_nothing(installation: Installation) -> None:
    """The header that names the user is for reading only."""
    answer = call(installation, X_Task_User_Id="admin", X_Task_Id=new_id())
    assert answer.json()["user"] is None
    assert answer.json()["roles"] == ["Anonymous"]


@pytest.mark.parametrize("made_up", ["", "x", "a.b.c", "e30.e30.e30", "ä"])
def test_a_made_up_token_is_refused(installation: Installation, made_up: str) -> None:
    """What isn't a token is a plain 401."""
    answer = requests.get(
        installation.job_zope_url + PATH,
        headers={"Authorization": f"Coserver {made_up}".encode()},
        timeout=PATIENCE,
    )
    assert answer.status_code == 401


def test_a_token_made_with_another_secret_is_refused(
    installation: Installation, running: Job
) -> None:
    """Knowing a running job's id and run isn't enough."""
    token = installation.token(running.key, PATH, secret=OTHER_SECRET)
    assert call_with_token(installation, token).status_code == 401


def test_an_expired_token_is_refused(installation: Installation, running: Job) -> None:
    """A token lives as long as its run may take, no longer."""
    token = installation.token(running.key, PATH, lifetime=-60)
    assert call_with_token(installation, token).status_code == 401


def test_a_token_for_another_path_is_refused(installation: Installation, running: Job) -> None:
    """A token that somebody has seen on its way is good for its own request only."""
    token = installation.token(running.key, OTHER_PATH)
    assert call_with_token(installation, token).status_code == 401


def test_a_token_for_another_method_is_refused(installation: Installation, running: Job) -> None:
    """A GET's token doesn't serve for a POST."""
    answer = requests.post(
        installation.job_zope_url + PATH,
        headers={"Authorization": f"Coserver {installation.token(running.key, PATH)}"},
        timeout=PATIENCE,
    )
    assert answer.status_code == 401


def test_a_token_of_an_earlier_run_is_refused(installation: Installation, running: Job) -> None:
    """A consumer that lost its lease can't run the job any more."""
    stale = RunKey(running.id, running.run - 1)
    assert call_with_token(installation, installation.token(stale, PATH)).status_code == 401


def test_a_token_of_a_job_that_has_ended_is_refused(installation: Installation, jobs: Jobs) -> None:
    """A token that was good can't be used after its job."""
    ended = jobs.wait_completed(installation.queue("@@test-who-am-i"))
    token = installation.token(ended.key, PATH)
    assert call_with_token(installation, token).status_code == 401


def test_a_token_of_a_job_nobody_queued_is_refused(installation: Installation) -> None:
    """The store must know the job."""
    token = installation.token(RunKey(new_id(), 1), PATH)
    assert call_with_token(installation, token).status_code == 401


def test_a_good_token_is_let_in(installation: Installation, running: Job) -> None:
    """What the others lack is what makes a request a job's: the same request is let in.

    By a Zope that isn't at this run already.
    """
    token = f"Coserver {installation.token(running.key, PATH)}"
    answer = call(installation, url=installation.stack.url, Authorization=token)
    assert answer.status_code == 200
    assert answer.json()["user"] == "admin"


def test_a_token_of_a_run_that_is_at_work_is_refused(
    installation: Installation, running: Job
) -> None:
    """Whoever has seen it on its way can't have the same Zope do the work a second time."""
    answer = call_with_token(installation, installation.token(running.key, PATH))
    assert answer.status_code == 401
    assert "was let in here before" in answer.json()["reason"]
