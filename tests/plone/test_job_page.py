"""The page of one job, ``@@coserver-jobs/<id>``."""

from __future__ import annotations

from typing import Any

import lxml.html
import pytest
import sqlalchemy as sa
import transaction
from lxml.html import HtmlElement
from plone import api
from plone.base.interfaces import INavigationRoot
from zope.interface import alsoProvides

from collective.coserver.controlpanel.job.arguments import HIDDEN, show
from collective.coserver.permissions import VIEW_ALL_JOBS
from coserver_consumer import store
from coserver_consumer.model import lifecycle
from coserver_consumer.model.job import Job, State
from coserver_consumer.model.outcome import Failed
from coserver_consumer.store import finish, maintain, manage
from coserver_consumer.store.schema import tables
from support.edges import edges_of, insert, whole_row, writable
from tests.plone.instance import Instance

LIST = "/plone/@@coserver-jobs"
PATH = "/plone/@@test-tell"
MARKUP = "<img src=x onerror=alert(1)>&amp;\x1b[31m"
LONG = "x" * 60_000


@pytest.fixture
def people(instance: Instance) -> Instance:
    """A manager, one who may only look, and two members."""
    instance.add_user("boss", roles=("Manager",))
    instance.add_user("auditor", roles=("Member", "Reviewer"))
    instance.portal.manage_permission(VIEW_ALL_JOBS, ["Manager", "Reviewer"], acquire=True)
    instance.add_user("jane")
    instance.add_user("john")
    transaction.commit()
    return instance


def page_of(job_id: str) -> str:
    return f"{LIST}/{job_id}"


def look(instance: Instance, login: str, job_id: str, **said: Any) -> HtmlElement:
    """Return the job's page as that user sees it."""
    answer = instance.browse(page_of(job_id), login=login, **said)
    assert answer.status_code == 200, answer.text
    return lxml.html.fromstring(answer.text)


def words(element: HtmlElement) -> str:
    return " ".join(element.text_content().split())


def tell(page: HtmlElement) -> list[str]:
    """Return what the page says has happened, without the waits between."""
    return [words(event) for event in page.cssselect(".cs-line > li:not(.wait) .b")]


def press(instance: Instance, login: str, button: str, job_id: str, **said: Any) -> Any:
    """Press a button with a token of one's own, whether the page offers it or not."""
    page = lxml.html.fromstring(instance.browse(LIST, login=login, params={"q": "state:all"}).text)
    tokens = page.cssselect("input[name=_authenticator]")
    fields = {"_authenticator": tokens[0].get("value")} if tokens else {}
    data = fields | {button: job_id}
    return instance.browse(page_of(job_id), login=login, method="POST", data=data, **said)


def end(instance: Instance, job: Job, error: str, *, for_now: bool = False) -> None:
    """Let a claimed job fail, for good or for now."""
    failure = Failed(error=error, traceback=f"Traceback of {error}")
    ending = lifecycle.retry(job, failure, 0) if for_now else lifecycle.fail(job, failure)

    def work(connection: sa.Connection) -> None:
        finish.end_attempts(connection, [ending])
        maintain.make_due_ready(connection)

    store.write(instance.jobs.engine, work)


def test_the_page_tells_what_happened_in_its_order(people: Instance) -> None:
    """Attempts with their errors, what the job said, who pressed what."""
    job_id = people.queue(PATH, login="jane", title="Annual report")
    end(people, people.claim(), "no answer", for_now=True)
    end(people, people.claim(), "no answer", for_now=True)
    job = people.claim()
    store.write(people.jobs.engine, lambda c: manage.add_line(c, job.key, "chapter 1 done"))
    end(people, job, "cover is missing")
    page = look(people, "boss", job_id)
    told = tell(page)
    assert told[0] == "Queued by jane for queue default"
    assert told[1].startswith("Attempt 1 failed no answer Where it went wrong")
    assert told[2] == "Attempt 2 failed The same error"
    assert told[3].startswith("Attempt 3 failed after ")
    assert "cover is missing" in told[3]
    assert "chapter 1 done" in told[3]
    assert told[4] == "Failed"
    folded = [each.get("open") for each in page.cssselect("details")]
    assert folded == [None, "open"]
    assert words(page.cssselect("#coserver-job h2")[0]) == "Annual report"
    press(people, "boss", "retry", job_id)
    assert tell(look(people, "boss", job_id))[-1] == "boss pressed “Retry”"


def test_secrets_are_hidden_by_their_names(people: Instance) -> None:
    """At any depth, and nobody can unhide them."""
    job_id = people.queue(
        PATH, login="jane", params={"page": "7"}, headers={"X-Api-Token": "t0psecret"}
    )
    with people.jobs.engine.begin() as connection:
        secret = {"path": PATH, "password": "t0psecret", "more": [{"api_key": "t0psecret", "n": 1}]}
        connection.execute(sa.update(tables.job).values(args=secret))
    page = look(people, "boss", job_id)
    text = lxml.html.tostring(page, encoding="unicode")
    assert "t0psecret" not in text
    assert words(page.cssselect(".cs aside")[0]).count("hidden") >= 2
    assert HIDDEN in show({"Authorization": "x", "deep": {"cookies": [1]}})
    assert "t0psecret" not in lxml.html.tostring(look(people, "jane", job_id), encoding="unicode")


def test_why_a_job_waits_is_told_with_its_remedy(people: Instance) -> None:
    """The job that it waits for is named, and run again by the button."""
    parent = people.queue(PATH, title="the report")
    end(people, people.claim(), "no ink")
    child = people.queue(PATH, title="its mail", after=[parent])
    page = look(people, "boss", child)
    [why] = page.cssselect("#coserver-why")
    assert "It waits for job “the report”, which failed: run that one again" in words(why)
    [button] = why.cssselect("button")
    assert (button.get("name"), button.get("value")) == ("retry", parent)
    form = page.get_element_by_id("coserver-job")
    data = dict(form.form_values()) | {"retry": button.get("value")}
    answer = people.browse(page_of(child), login="boss", method="POST", data=data)
    assert answer.headers["Location"] == people.url + page_of(child)
    assert people.jobs.get(parent).state is State.READY
    assert "which is Waiting" in words(look(people, "boss", child).cssselect("#coserver-why")[0])
    assert "its mail" in words(look(people, "boss", parent).cssselect(".cs aside")[0])


def test_the_reason_is_told_in_german(people: Instance) -> None:
    """With all of its parts."""
    api.portal.set_registry_record("plone.available_languages", ["en", "de"])
    api.portal.set_registry_record("plone.use_request_negotiation", True)
    transaction.commit()
    parent = people.queue(PATH, title="der Bericht")
    child = people.queue(PATH, after=[parent])
    page = look(people, "boss", child, headers={"Accept-Language": "de"})
    why = words(page.cssselect("#coserver-why")[0])
    assert why == "Er wartet auf den Auftrag “der Bericht” (Wartet)."


def test_the_result_is_shown_and_fetched_as_a_file(people: Instance) -> None:
    """No browser takes it for a page."""
    job_id = people.queue(PATH, login="jane")
    people.run(people.claim())
    with people.jobs.engine.begin() as connection:
        result = {"body": "<script>alert(1)</script>"}
        connection.execute(sa.update(tables.history).values(result=result))
    page = look(people, "jane", job_id)
    [link] = [each for each in page.cssselect("a") if words(each) == "Download"]
    answer = people.browse(link.get("href").removeprefix(people.url), login="jane")
    assert answer.json() == {"body": "<script>alert(1)</script>"}
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.headers["Content-Type"].startswith("application/json")
    assert people.browse(link.get("href").removeprefix(people.url), login="john").status_code == 404


def test_who_sees_what_of_a_job(people: Instance) -> None:
    """Others nothing; its owner what became of it; where the code failed only who sees all."""
    job_id = people.queue(PATH, login="jane")
    end(people, people.claim(), "the feed is empty")
    assert people.browse(page_of(job_id), login="john").status_code == 404
    assert "require_login" in people.browse(page_of(job_id)).headers["Location"]
    seen = {login: words(look(people, login, job_id)) for login in ("jane", "auditor", "boss")}
    assert all("the feed is empty" in text for text in seen.values())
    shows_code = {login: "Traceback of" in text for login, text in seen.items()}
    assert shows_code == {"jane": False, "auditor": True, "boss": True}
    shows_arguments = {login: "Arguments" in text for login, text in seen.items()}
    assert shows_arguments == {"jane": False, "auditor": True, "boss": True}


@pytest.mark.parametrize("button", ["cancel", "retry"])
def test_who_may_press_what(people: Instance, button: str) -> None:
    """Only the owner and who manages the jobs of this site; looking is no more than looking."""
    job_id = people.queue(PATH, login="jane", delay=600)
    for login, status in ((None, 302), ("john", 302), ("auditor", 403)):
        assert press(people, login, button, job_id).status_code == status
        assert people.jobs.get(job_id).state is State.SCHEDULED
    assert not look(people, "auditor", job_id).cssselect("#coserver-job button")
    press(people, "jane", button, job_id, headers={"Sec-Fetch-Site": "cross-site"})
    assert people.jobs.get(job_id).state is State.SCHEDULED
    with people.jobs.engine.begin() as connection:
        connection.execute(sa.update(tables.job).values(site="/other"))
    press(people, "boss", button, job_id)
    assert people.jobs.get(job_id).state is State.SCHEDULED
    assert people.browse(page_of(job_id), login="boss").status_code == 404
    with people.jobs.engine.begin() as connection:
        connection.execute(sa.update(tables.job).values(site="/plone"))
    press(people, "jane", button, job_id)
    changed = {"cancel": State.CANCELLED, "retry": State.READY}
    assert people.jobs.get(job_id).state is changed[button]


def test_local_roles_in_a_language_folder_give_no_jobs(people: Instance) -> None:
    """The panel is reached there too, and shows the jobs of the site to those of the site."""
    job_id = people.queue(PATH, login="jane")
    site = people.portal
    with api.env.adopt_roles(["Manager"]):
        api.content.create(site, "Folder", "de")
    alsoProvides(site["de"], INavigationRoot)
    site["de"].manage_setLocalRoles("john", ["Manager"])
    transaction.commit()
    answer = people.browse("/plone/de/@@coserver-jobs", login="john")
    assert answer.status_code == 200
    assert job_id not in answer.text
    assert people.browse(f"/plone/de/@@coserver-jobs/{job_id}", login="john").status_code == 404
    assert job_id in people.browse("/plone/de/@@coserver-jobs", login="boss").text
    assert people.browse(f"/plone/de/@@coserver-jobs/{job_id}", login="boss").status_code == 200
    for name in ("coserver", "coserver-failures"):
        refused = people.browse(f"/plone/de/@@{name}", login="john")
        assert "require_login" in refused.headers.get("Location", "")
        assert people.browse(f"/plone/de/@@{name}", login="boss").status_code == 200


@pytest.mark.parametrize("text", [MARKUP, LONG], ids=["markup", "long"])
def test_whatever_a_row_holds_is_text(people: Instance, text: str) -> None:
    """Markup in any column is shown as it is, and nothing is too long."""
    job_id = people.queue(PATH, login="jane")
    job = people.claim()
    store.write(people.jobs.engine, lambda c: manage.add_line(c, job.key, text))
    end(people, job, text)
    with people.jobs.engine.begin() as connection:
        columns = {column.name: column for column in tables.history.c}
        names = ("queue", "task", "owner", "title", "concurrency_key", "progress_text")
        values = {name: text[: columns[name].type.length or 50] for name in names}
        values |= {"args": {text[:99]: text}, "result": text, "error": text}
        connection.execute(sa.update(tables.history).values(**values))
    for path in (page_of(job_id), f"{LIST}?q=state:all"):
        answer = people.browse(path, login="boss")
        assert answer.status_code == 200
        assert "<img src=x" not in answer.text
        page = lxml.html.fromstring(answer.text)
        assert not page.cssselect(".cs img")


def test_rows_of_other_programs_have_a_page(people: Instance) -> None:
    """Times that no calendar has, counts and texts at their bounds."""
    people.queue(PATH)
    with people.jobs.engine.begin() as connection:
        for column in writable(tables.history):
            for value in edges_of(column)[:1] if column.name != "id" else ():
                row = whole_row("failed") | {"site": "/plone", column.name: value}
                insert(connection, tables.history, row)
    found = store.read(people.jobs.engine, lambda c: manage.find(c, site="/plone", limit=500))
    assert len(found) > 20
    wrong = [
        job for job in found if people.browse(page_of(job.id), login="boss").status_code != 200
    ]
    assert wrong == []
