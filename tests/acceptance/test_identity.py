"""A job runs as the user who queued it, where and how that user's request ran."""

import pytest

from support.installation import Installation
from support.jobs import Jobs, answer_of

pytestmark = pytest.mark.usefixtures("transport")


@pytest.mark.parametrize(
    ("name", "role"), [("carl", "Contributor"), ("rhea", "Reviewer"), ("mira", "Manager")]
)
def test_a_job_runs_as_the_queuing_user_with_that_users_roles(
    installation: Installation, jobs: Jobs, name: str, role: str
) -> None:
    """The job has the roles that the user has in a browser: no more, no fewer."""
    user = installation.user(name)
    in_browser = user.get("@@test-who-am-i").json()
    assert role in in_browser["roles"]
    as_job = answer_of(jobs.wait_completed(installation.queue("@@test-who-am-i", by=user)))
    assert (as_job["user"], as_job["roles"]) == (name, in_browser["roles"])


def test_a_job_of_the_root_folders_manager_runs_as_that_manager(
    installation: Installation, jobs: Jobs
) -> None:
    """A user who isn't the site's is found in the root user folder."""
    as_job = answer_of(jobs.wait_completed(installation.queue("@@test-who-am-i")))
    assert as_job["user"] == "admin"
    assert "Manager" in as_job["roles"]


def test_a_visitors_job_has_a_visitors_rights(installation: Installation, jobs: Jobs) -> None:
    """Nobody gains anything by queuing."""
    job_id = installation.queue("@@test-who-am-i", by=installation.visitor())
    as_job = answer_of(jobs.wait_completed(job_id))
    assert (as_job["user"], as_job["roles"]) == (None, ["Anonymous"])


def test_a_job_may_not_do_what_its_user_may_not(installation: Installation, jobs: Jobs) -> None:
    """A contributor's job that needs a reviewer's permission fails at once."""
    made = installation.make_document(by=installation.user("carl"))
    job = jobs.wait_ended(made["job_id"])
    assert (job.state, job.attempt) == ("failed", 1)
    assert "/login?" in installation.visitor().get(made["name"]).url


def test_a_job_runs_in_the_language_of_its_request(installation: Installation, jobs: Jobs) -> None:
    """The language was chosen by a cookie; the job has no cookie and still speaks German."""
    german = installation.admin()
    german.session.cookies.set("I18N_LANGUAGE", "de")
    as_job = answer_of(jobs.wait_completed(installation.queue("@@test-who-am-i", by=german)))
    assert as_job["language"] == "de"
    assert as_job["cookies"] == {}


def test_a_job_makes_the_links_of_its_requests_virtual_host(
    installation: Installation, jobs: Jobs
) -> None:
    """The public address is the job's too, in whatever Zope it runs."""
    browser = installation.admin_behind_proxy("https://www.harbour.example")
    job_id = installation.queue("@@test-who-am-i", by=browser)
    as_job = answer_of(jobs.wait_completed(job_id))
    assert as_job["url"] == "https://www.harbour.example"
    assert as_job["path"] == "/Plone"


def test_a_job_makes_the_links_of_a_folder_with_a_domain_of_its_own(
    installation: Installation, jobs: Jobs
) -> None:
    """As a language has one: the virtual root is a folder, and the site lies above it."""
    public = "https://de.harbour.example"
    name = installation.make_document(type="Folder")["name"]
    browser = installation.admin_behind_proxy(public, root=f"Plone/{name}")
    said = [
        installation.queue("@@test-who-am-i", by=browser),
        installation.queue("@@test-who-am-i", by=browser, at="@@test-queue-at-site"),
        installation.queue_call("say_addresses", "", by=browser),
    ]
    of_folder, of_site, of_function = [jobs.wait_completed(job_id) for job_id in said]
    assert answer_of(of_folder)["url"] == public
    assert answer_of(of_site)["path"] == "/Plone"
    assert of_function.result == [public, answer_of(of_site)["url"]]
    assert answer_of(of_site)["url"].startswith(public)


def test_a_job_is_told_its_id_and_queue(installation: Installation, jobs: Jobs) -> None:
    """The headers that add-ons know from collective.taskqueue are there."""
    job_id = installation.queue("@@test-who-am-i")
    as_job = answer_of(jobs.wait_completed(job_id))
    assert (as_job["task_id"], as_job["task_queue"]) == (job_id, installation.queue_name)
