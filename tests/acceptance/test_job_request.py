"""Views for the layer ``IJobRequest`` are found by jobs only."""

import pytest

from support.installation import Installation
from support.jobs import Jobs


@pytest.mark.parametrize(
    "view", ["@@say-hello", "@@import-feed", "@@send-newsletter-mail", "@@test-write"]
)
def test_a_view_for_jobs_is_not_found_by_a_managers_browser(
    installation: Installation, view: str
) -> None:
    """Even the manager gets a 404, through both instances."""
    admin = installation.admin()
    assert admin.get(view).status_code == 404
    admin.door = admin.public = f"{installation.job_zope_url}/Plone"
    assert admin.get(view).status_code == 404


def test_the_same_view_is_found_by_a_job(installation: Installation, jobs: Jobs) -> None:
    """What a browser can't find, the manager's job runs."""
    jobs.wait_completed(installation.queue("@@test-write", params={"text": "found"}))
