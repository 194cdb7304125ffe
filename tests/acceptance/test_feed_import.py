"""The feed import: news items of what somebody else's server says."""

import requests

from coserver_consumer.model.job import Job
from support.browser import job_id_of
from support.feeds import FeedServer
from support.installation import Installation
from support.jobs import Jobs
from support.waiting import PATIENCE, wait_for


def import_feed(installation: Installation, feed: FeedServer) -> str:
    """Press the button as mira and return the job's id."""
    mira = installation.user("mira")
    page = mira.press("@@coserver-examples", "coserver-feed-import", url=feed.url)
    return job_id_of(page)


def news_of(installation: Installation, feed: FeedServer) -> list[dict]:
    """Return the news items whose titles are the feed's, with all their fields."""
    url = f"{installation.url}/@search"
    found = requests.get(
        url,
        params={"portal_type": "News Item", "fullobjects": "1", "b_size": "500"},
        headers={"Accept": "application/json"},
        auth=installation.admin().session.auth,
        timeout=PATIENCE,
    ).json()
    return [item for item in found["items"] if item["title"] in feed.entries.values()]


def owners_of(installation: Installation, item: dict) -> list[str]:
    """Return the users who have the role Owner on the item."""
    admin = installation.admin()
    return admin.get(f"{item['id']}/@@test-owners").json()


def test_the_entries_become_news_items_of_the_queuing_user(
    installation: Installation, jobs: Jobs, feed: FeedServer
) -> None:
    """Each entry is a news item, made and owned by the user who pressed the button."""
    feed.entries = {"owner-1": "The Dora", "owner-2": "The Emma"}
    job = jobs.wait_completed(import_feed(installation, feed))
    assert job.result["body"] == "2 of 2 entries were new."
    items = news_of(installation, feed)
    assert sorted(item["title"] for item in items) == ["The Dora", "The Emma"]
    assert [item["creators"] for item in items] == [["mira"], ["mira"]]
    assert [owners_of(installation, item) for item in items] == [["mira"], ["mira"]]


def test_what_is_shown_of_an_entry_is_made_safe(
    installation: Installation, jobs: Jobs, feed: FeedServer
) -> None:
    """A script in a feed never reaches a visitor."""
    feed.entries = {"safe-1": "The Frieda"}
    jobs.wait_completed(import_feed(installation, feed))
    (item,) = news_of(installation, feed)
    page = requests.get(item["@id"], auth=installation.admin().session.auth, timeout=PATIENCE).text
    assert "The Frieda has come in." in page
    assert "evil()" not in page


def test_a_second_import_makes_nothing_twice(
    installation: Installation, jobs: Jobs, feed: FeedServer
) -> None:
    """An entry that is known is left alone; a new one is added."""
    jobs.wait_completed(import_feed(installation, feed))
    feed.entries["ship-4"] = "The Dagmar"
    job = jobs.wait_completed(import_feed(installation, feed))
    assert job.result["body"] == "1 of 4 entries were new."
    assert len(news_of(installation, feed)) == 4


def test_an_import_is_tried_again_until_the_feed_answers(
    installation: Installation, jobs: Jobs, feed: FeedServer
) -> None:
    """While the feed's server is broken the job fails and waits; then it completes."""
    feed.status = 503
    feed.entries = {"late-1": "The Gerda"}
    job_id = import_feed(installation, feed)
    wait_for(lambda: feed.served, what="a first try")
    wait_for(lambda: jobs.count_errors(job_id), what="a failed attempt")
    feed.status = 200
    job: Job = jobs.wait_completed(job_id)
    assert job.attempt > 1
    assert len(news_of(installation, feed)) == 1


def test_an_address_that_is_no_web_address_is_refused(
    installation: Installation, jobs: Jobs
) -> None:
    """The form tells at once; no job is queued."""
    answer = installation.admin().press(
        "@@coserver-examples", "coserver-feed-import", url="file:///etc/passwd"
    )
    assert "starts with http" in answer.text
    assert jobs.titled("passwd") == []
