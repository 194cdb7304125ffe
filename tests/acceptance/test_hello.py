"""The smallest example, from the button to the page that the job made."""

from support.browser import job_id_of
from support.installation import Installation
from support.jobs import Jobs


def test_the_button_queues_a_job_that_makes_a_page(installation: Installation, jobs: Jobs) -> None:
    """The press comes back with the job's id; the job makes the page."""
    admin = installation.admin()
    answer = admin.press("@@coserver-examples", "coserver-hello")
    assert "The greeting is queued." in answer.text
    job = jobs.wait_completed(job_id_of(answer))
    assert job.title == "Say hello"
    assert job.result["status"] == 200
    assert "Written by a job that admin queued." in admin.get("hello").text


def test_pressing_again_changes_the_same_page(installation: Installation, jobs: Jobs) -> None:
    """A job that runs again finds what the first one made."""
    admin = installation.admin()
    urls = []
    for _ in range(2):
        answer = admin.press("@@coserver-examples", "coserver-hello")
        urls.append(jobs.wait_completed(job_id_of(answer)).result["body"])
    assert urls[0] == urls[1]


def test_the_jobs_page_lists_what_was_queued(installation: Installation, jobs: Jobs) -> None:
    """The page of all jobs, to which the examples link, names the job."""
    admin = installation.admin()
    job_id = job_id_of(admin.press("@@coserver-examples", "coserver-hello"))
    jobs.wait_completed(job_id)
    assert "Say hello" in admin.get("@@coserver-jobs", q="state:done").text


def test_a_press_without_the_authenticator_is_refused(
    installation: Installation, jobs: Jobs
) -> None:
    """A foreign page that makes a manager's browser send the form queues nothing."""
    before = len(jobs.titled("Say hello"))
    answer = installation.admin().post("@@queue-hello")
    assert answer.status_code == 403
    assert len(jobs.titled("Say hello")) == before
