"""The tutorial's package, as its reader would have typed it, in the installation."""

import re

import lxml.html

from support.installation import Installation
from support.jobs import Jobs


def test_the_tutorials_button_queues_the_tutorials_job(
    installation: Installation, jobs: Jobs
) -> None:
    """The press shows the job's id; the job writes the number into the site's description."""
    admin = installation.admin()
    page = admin.press("@@count-button", "count-pages")
    job_id = lxml.html.fromstring(page.text).findtext(".//code")
    job = jobs.wait_completed(job_id)
    assert re.fullmatch(r"A site with \d+ pages\.", job.result["body"])
    assert admin.get("@@test-description").text == job.result["body"]


def test_the_tutorials_job_is_not_found_by_a_browser(installation: Installation) -> None:
    """As the tutorial says."""
    assert installation.admin().get("@@count-pages").status_code == 404
