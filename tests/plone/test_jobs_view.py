"""The list of jobs, ``@@coserver-jobs``."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import lxml.html
import pytest
import requests
import sqlalchemy as sa
import transaction
from lxml.html import HtmlElement
from plone import api

from collective.coserver.controlpanel.jobs import list as list_view
from coserver_consumer import store
from coserver_consumer.model import lifecycle
from coserver_consumer.model.job import Job, State
from coserver_consumer.model.outcome import Failed
from coserver_consumer.store import finish, manage
from coserver_consumer.store.schema import tables
from support.edges import edges_of, insert, whole_row, writable
from support.waiting import PATIENCE
from tests.plone import functions
from tests.plone.instance import PASSWORD, Instance, forget_settings

LIST = "/plone/@@coserver-jobs"
ALL = f"{LIST}?q=state:all"
PATH = "/plone/@@test-tell"
SHORT_S = 0.2  # so long a slow search is waited for
SLOW = {  # what takes the database longer
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
    " SELECT 1 FROM n WHERE i < 0",
    "postgresql": "SELECT pg_sleep(600)",
    "mysql": "SELECT count(*) FROM seq_1_to_1000000 a, seq_1_to_1000000 b, seq_1_to_1000000 c",
}


@pytest.fixture
def people(instance: Instance) -> Instance:
    """A manager and two members."""
    instance.add_user("boss", roles=("Manager",))
    instance.add_user("jane")
    instance.add_user("john")
    return instance


def look(instance: Instance, login: str, path: str = LIST, **said: Any) -> HtmlElement:
    """Return the page as that user sees it."""
    answer = instance.browse(path, login=login, **said)
    assert answer.status_code == 200, answer.text
    return lxml.html.fromstring(answer.text)


def listed(page: HtmlElement) -> list[str]:
    """Return the ids of the jobs on the page."""
    return [row.get("data-job") for row in page.cssselect("tr[data-job]")]


def texts(row: HtmlElement) -> list[str]:
    """Return what stands in the cells of a row."""
    return [" ".join(cell.text_content().split()) for cell in row.cssselect("td, th")]


def press(
    instance: Instance, login: str, button: str, job_id: str, path: str = LIST, **said: Any
) -> requests.Response:
    """Press a button of the page as a browser does, with the page's own form."""
    form = look(instance, login, path).get_element_by_id("coserver-jobs")
    fields = dict(form.form_values()) | {button: job_id}
    action = form.get("action").removeprefix(instance.url)
    return instance.browse(action, login=login, method="POST", data=fields, **said)


def find_slowly(connection: sa.Connection, **_: Any) -> list[Job]:
    """Ask the database for what it never finds."""
    connection.exec_driver_sql(SLOW[connection.dialect.name]).all()
    return []


def retry_later(instance: Instance, error: str) -> None:
    """Let the only job that is ready fail for now."""
    ending = lifecycle.retry(instance.claim(), Failed(error=error), 3600)
    store.write(instance.jobs.engine, lambda connection: finish.end_attempts(connection, [ending]))


def fail(instance: Instance, error: str) -> None:
    """Let the only job fail."""
    job = instance.claim()
    ending = lifecycle.fail(job, Failed(error=error))
    store.write(instance.jobs.engine, lambda connection: finish.end_attempts(connection, [ending]))


def test_a_manager_sees_everybodys_jobs_the_newest_first(people: Instance) -> None:
    """With their owners."""
    first = people.queue(PATH, login="jane", title="Jane's <b>")
    second = people.queue(PATH)
    page = look(people, "boss")
    assert listed(page) == [second, first]
    rows = page.cssselect("tr[data-job]")
    state, job, owner, line, queued, stand, buttons = texts(rows[1])
    assert (state, job) == ("Waiting", "Jane's <b> view · jane · default")
    assert (owner, line) == ("jane", "default")
    assert queued.endswith(" s ago")
    assert (stand, buttons) == ("", "Cancel")
    assert texts(rows[0])[2] == "Anonymous"


def test_an_owner_sees_own_jobs_only(people: Instance) -> None:
    """Nor is there a column of owners."""
    own = people.queue(PATH, login="jane")
    people.queue(PATH, login="john")
    people.queue(PATH)
    page = look(people, "jane")
    assert listed(page) == [own]
    assert "Owner" not in page.text_content()


def test_a_namesake_in_another_user_folder_sees_nothing(people: Instance) -> None:
    """The root's jane isn't the site's."""
    people.queue(PATH, login="jane")
    people.portal.acl_users.userFolderDelUsers(["jane"])
    people.portal.manage_setLocalRoles("jane", ["Member"])
    people.add_user("jane", users=people.app.acl_users, roles=())
    assert listed(look(people, "jane")) == []


def test_a_visitor_is_asked_to_log_in(people: Instance) -> None:
    """Jobs aren't public."""
    people.queue(PATH)
    answer = people.browse(LIST)
    assert answer.status_code == 302
    assert "require_login" in answer.headers["Location"]


def test_jobs_of_other_sites_and_programs_are_not_listed(people: Instance) -> None:
    """A site's manager sees what this site has queued, however much others have queued since."""
    own = people.queue(PATH)
    with people.jobs.engine.begin() as connection:
        for _ in range(30):
            connection.exec_driver_sql(
                "INSERT INTO coserver_job (task, site) VALUES ('view', '/other'), ('mail', NULL)"
            )
    assert listed(look(people, "boss")) == [own]


def test_the_address_has_the_filter(people: Instance) -> None:
    """A link to the list shows the same jobs to whoever may see them, and each word can go."""
    people.queue(PATH, title="Feed 7", login="jane")
    wanted = people.queue(PATH, title="Feed 8", login="jane", priority=5)
    page = look(people, "boss", f'{LIST}?q=queue:default+state:waiting&q=owner:jane+"feed 8"')
    assert listed(page) == [wanted]
    chips = [" ".join(chip.text_content().split()) for chip in page.cssselect(".cs-chip")]
    assert [chip.partition(" Remove")[0] for chip in chips] == [
        "queue:default",
        "state:waiting",
        "owner:jane",
        '"feed 8"',
    ]
    without = page.cssselect(".cs-chip a")[-1].get("href")
    assert len(listed(look(people, "boss", without.removeprefix(people.url)))) == 2


def test_the_token_of_a_form_stays_out_of_the_address(people: Instance) -> None:
    """It is put into each form, also into one that only searches; the link may be sent around."""
    address = f"{LIST}?q=queue%3Adefault&q=feed&_authenticator=secret"
    answer = people.browse(address, login="boss")
    assert answer.headers["Location"] == f"{people.url}{LIST}?q=queue%3Adefault+feed"


def test_the_tabs_count_and_write_the_word_of_the_state(people: Instance) -> None:
    """What waits for another attempt isn't what is due tomorrow."""
    planned = people.queue(PATH, delay=86_400)
    again = people.queue(PATH, title="tried")
    retry_later(people, "host is down")
    page = look(people, "boss")
    tabs = {
        (words := tab.text_content().split())[0]: (words[-1], tab.get("href"))
        for tab in page.cssselect(".cs-tabs a")
    }
    assert {name: number for name, (number, _) in tabs.items()} == {
        "Open": "2", "Waiting": "0", "Planned": "1", "Tries": "1", "Running": "0",
        "Failed": "0", "Done": "0", "Cancelled": "0", "All": "2",
    }  # fmt: skip
    for name, job_id in (("Planned", planned), ("Tries", again)):
        [row] = look(people, "boss", tabs[name][1].removeprefix(people.url)).cssselect(
            "tr[data-job]"
        )
        assert row.get("data-job") == job_id
    assert texts(row)[:2] == ["Tries again", texts(row)[1]]
    assert "Attempt 1 of 5 failed: host is down" in texts(row)[1]
    assert texts(row)[5].startswith("again in ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("colour:red", "There is no word colour:."),
        ("quue:mail", "Did you mean queue:?"),
        ("state:asleep", "There is no state asleep."),
        ("queue:", "Nothing stands after queue:."),
        ("id:xyz", "xyz is no part of an id"),
        ("older:soon", "soon is no length of time"),
        ("id:abcd id:1234", "id: can be given once only."),
    ],
)
def test_an_unknown_word_is_an_error(people: Instance, words: str, said: str) -> None:
    """An empty list would look like an answer; the words stay in the field."""
    people.queue(PATH)
    page = look(people, "boss", LIST, params={"q": words})
    [alert] = page.cssselect("[role=alert].cs-note")
    assert said in alert.text_content()
    assert not listed(page)
    assert page.cssselect(".cs-chip")


def test_a_search_that_takes_too_long_says_so(
    people: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And keeps its words."""
    people.queue(PATH)
    monkeypatch.setattr(list_view, "PATIENCE_S", SHORT_S)
    monkeypatch.setattr(list_view.manage, "find", find_slowly)
    page = look(people, "boss", f"{LIST}?q=queue:default")
    [alert] = page.cssselect("[role=alert].cs-note")
    assert "needs too long for this search" in alert.text_content()
    assert page.cssselect(".cs-chip")


def test_nobody_searches_the_jobs_of_others(people: Instance) -> None:
    """Whatever the words say."""
    people.queue(PATH, login="john", title="secret plan")
    own = people.queue(PATH, login="jane")
    for words in ("owner:john", "plan", "owner:john state:all"):
        assert set(listed(look(people, "jane", LIST, params={"q": words}))) <= {own}


def test_a_long_list_has_pages(people: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every job is on exactly one of them."""
    monkeypatch.setattr(list_view, "PAGE", 5)
    ids = [people.queue(PATH, title=str(number)) for number in range(7)]
    first = look(people, "boss", f"{LIST}?q=state:ready")
    (older,) = first.cssselect("a[rel=next]")
    second = look(people, "boss", older.get("href").removeprefix(people.url))
    assert listed(first) + listed(second) == ids[::-1]
    assert [link.text_content() for link in second.cssselect(".cs-page a")] == ["Newest"]


@pytest.mark.parametrize("query", ["before=nonsense", "before=1&before=2", "q:int=1"])
def test_a_garbled_question_is_as_good_as_none(people: Instance, query: str) -> None:
    """It lists all, on every database."""
    job_id = people.queue(PATH)
    assert listed(look(people, "boss", f"{LIST}?{query}")) == [job_id]


def test_rows_that_others_garbled_harm_no_page(people: Instance) -> None:
    """A row whose origin isn't a mapping belongs to nobody."""
    job_id = people.queue(PATH, login="jane")
    people.queue(PATH, login="jane")
    with people.jobs.engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE coserver_job SET origin = '[1]' WHERE id <> :id"), {"id": job_id}
        )
    assert listed(look(people, "jane")) == [job_id]


def test_an_owner_cancels_a_job(people: Instance) -> None:
    """And is told so."""
    job_id = people.queue(PATH, login="jane")
    answer = press(people, "jane", "cancel", job_id, f"{LIST}?q=queue%3Adefault")
    assert answer.headers["Location"] == f"{people.url}{LIST}?q=queue%3Adefault"
    assert people.jobs.get(job_id).state is State.CANCELLED
    assert people.jobs.get(job_id).error == "cancelled by jane"


def test_a_running_job_is_asked_to_stop(people: Instance) -> None:
    """Its consumer decides when."""
    job_id = people.queue(PATH, login="jane")
    people.claim()
    press(people, "jane", "cancel", job_id)
    assert people.jobs.get(job_id).cancel_at is not None


def test_a_failed_job_shows_why_and_can_be_retried(people: Instance) -> None:
    """By its owner or a manager."""
    job_id = people.queue(PATH, login="jane")
    fail(people, "/plone/@@test-tell was answered 404 Not Found")
    (row,) = look(people, "jane").cssselect("tr[data-job]")
    assert "404 Not Found" in texts(row)[1]
    assert texts(row)[-1] == "Retry"
    press(people, "boss", "retry", job_id)
    assert people.jobs.get(job_id).state is State.READY


def test_an_expired_job_shows_why_and_can_be_retried(people: Instance) -> None:
    """It is found by its state."""
    job_id = people.queue(PATH, login="jane")
    with people.jobs.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE coserver_job SET expires_at = created_at")
        finish.expire_overdue(connection)
    expired = f"{LIST}?q=state:expired"
    (row,) = look(people, "jane", expired).cssselect("tr[data-job]")
    assert "Expired" in " ".join(texts(row))
    assert "No consumer began it in time." in texts(row)[1]
    assert listed(look(people, "jane")) == []
    press(people, "jane", "retry", job_id, expired)
    assert people.jobs.get(job_id).state is State.READY


@pytest.mark.parametrize("state", [State.COMPLETED, State.FAILED])
def test_only_a_manager_has_a_function_run_again(people: Instance, state: State) -> None:
    """It asks for no permission, and who queued it may have been demoted since."""
    job_id = people.browse("/plone/@@test-locate", login="jane").text
    if state is State.FAILED:
        fail(people, "LookupError")
    else:
        people.run(people.claim())
    (row,) = look(people, "jane", ALL).cssselect("tr[data-job]")
    assert "Retry" not in texts(row)[-1]
    press(people, "jane", "retry", job_id, ALL)
    assert people.jobs.get(job_id).state is state
    press(people, "boss", "retry", job_id, ALL)
    assert people.jobs.get(job_id).state is (State.READY if state is State.FAILED else state)


def test_a_completed_job_is_not_run_again_by_a_form_of_one_s_own(people: Instance) -> None:
    """The page has no button for it, and the store looks at the state as well."""
    job_id = people.queue(PATH, login="jane")
    people.run(people.claim())
    press(people, "jane", "retry", job_id, ALL)
    assert people.jobs.get(job_id).state is State.COMPLETED


def test_nobody_else_s_code_has_a_job_run_again(people: Instance) -> None:
    """It would run as its owner, as whom nobody else could have queued it."""
    job_id = people.queue(PATH, login="jane")
    fail(people, "LookupError")
    answers = [
        people.browse("/plone/@@test-retry", login=login, params={"job": job_id}).text
        for login in (None, "john", "jane")
    ]
    assert answers[:2] == [answers[0]] * 2
    assert "only its owner and those who have the permission" in answers[0]
    assert answers[2] == "again"
    fail(people, "LookupError")
    assert (
        people.browse("/plone/@@test-retry", login="boss", params={"job": job_id}).text == "again"
    )


def test_a_job_of_the_system_is_the_system_s(people: Instance) -> None:
    """It isn't one of Anonymous."""
    functions.rule.delay()
    transaction.commit()
    (row,) = look(people, "boss").cssselect("tr[data-job]")
    assert "system" in texts(row)
    assert "Anonymous" not in texts(row)


def test_a_job_for_later_can_be_run_now(people: Instance) -> None:
    """The button doesn't say "again" of what has never run."""
    job_id = people.queue(PATH, login="jane", delay=600)
    (row,) = look(people, "jane").cssselect("tr[data-job]")
    assert texts(row)[-1] == "Run now Cancel"
    press(people, "jane", "retry", job_id)
    assert people.jobs.get(job_id).state is State.READY


def test_a_running_job_shows_its_progress(people: Instance) -> None:
    """As its view reports it."""
    people.queue(PATH, login="jane")
    key = people.claim().key
    store.write(people.jobs.engine, lambda c: manage.report(c, key, 0.4, "page 4 of 10"))
    (row,) = look(people, "jane").cssselect("tr[data-job]")
    assert texts(row)[1].endswith("page 4 of 10")
    [bar] = row.cssselect("[role=progressbar]")
    assert (bar.get("aria-valuenow"), bar.get("aria-label")) == ("40", PATH)


def test_a_button_needs_the_pages_own_form(people: Instance) -> None:
    """A form on another site can't press it."""
    job_id = people.queue(PATH, login="boss")
    answer = people.browse(LIST, login="boss", method="POST", data={"cancel": job_id})
    assert answer.status_code == 403
    assert people.jobs.get(job_id).state is State.READY


def test_nobody_cancels_the_jobs_of_others(people: Instance) -> None:
    """Not even with a form of one's own and the right id."""
    others = people.queue(PATH, login="john")
    people.queue(PATH, login="jane")
    press(people, "jane", "cancel", others)
    assert people.jobs.get(others).state is State.READY


def test_a_manager_does_not_reach_into_other_sites(people: Instance) -> None:
    """An id from elsewhere is as good as none."""
    people.queue(PATH)
    with people.jobs.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO coserver_job (task, site, title) VALUES ('view', '/other', 'theirs')"
        )
    (theirs,) = people.jobs.titled("theirs")
    press(people, "boss", "cancel", theirs.id)
    assert people.jobs.get(theirs.id).state is State.READY


def test_a_button_pressed_too_late_says_so(people: Instance) -> None:
    """The job has ended meanwhile."""
    job_id = people.queue(PATH, login="jane")
    form = look(people, "jane").get_element_by_id("coserver-jobs")
    fail(people, "meanwhile")
    session = requests.Session()
    session.auth = ("jane", PASSWORD)
    fields = dict(form.form_values()) | {"cancel": job_id}
    answer = session.post(people.url + LIST, data=fields, timeout=PATIENCE)
    assert "The job's state doesn't allow that any more." in answer.text


def test_the_page_says_when_the_queue_is_out_of_reach(
    people: Instance, environment: pytest.MonkeyPatch
) -> None:
    """Instead of an error page."""
    environment.setenv("COSERVER_DATABASE", "sqlite:////nonexistent/queue.sqlite")
    forget_settings()
    page = look(people, "boss")
    (alert,) = page.cssselect("[role=alert].cs-note")
    assert "can't be used at the moment" in alert.text_content()


def test_the_page_speaks_german(people: Instance) -> None:
    """Every text of ours is translated."""
    api.portal.set_registry_record("plone.available_languages", ["en", "de"])
    api.portal.set_registry_record("plone.use_request_negotiation", True)
    transaction.commit()
    people.queue(PATH)
    page = look(people, "boss", headers={"Accept-Language": "de"})
    content = page.get_element_by_id("content")
    words = " ".join(content.text_content().split())
    assert "Hintergrundaufträge" in words
    (row,) = page.cssselect("tr[data-job]")
    assert [texts(row)[0], texts(row)[-1]] == ["Wartet", "Abbrechen"]
    assert [head.text_content() for head in page.cssselect("thead th")][:3] == [
        "Zustand",
        "Auftrag",
        "Besitzer",
    ]


def test_the_page_can_be_read_without_eyes(people: Instance) -> None:
    """Headers, labels and descriptions are tied to what they belong to."""
    job_id = people.queue(PATH)
    page = look(people, "boss")
    assert len(page.cssselect("h1")) == 1
    assert page.cssselect("table[aria-label]")
    assert {head.get("scope") for head in page.cssselect("thead th")} == {"col"}
    (button,) = page.cssselect("button[name=cancel]")
    named = page.get_element_by_id(button.get("aria-describedby"))
    assert named.get("href") == f"{people.url}{LIST}/{job_id}"
    assert page.cssselect("#content input[type=search][aria-label]")


def test_site_setup_leads_to_the_page(people: Instance) -> None:
    """For those who may manage jobs."""
    page = look(people, "boss", "/plone/@@overview-controlpanel")
    links = {link.get("href") for link in page.cssselect("a")}
    assert f"{people.url}/plone/@@coserver" in links


def test_rows_of_other_programs_are_listed_whatever_they_hold(people: Instance) -> None:
    """Times that no calendar has, states that don't exist, counts and texts at their bounds.

    Every page of them is shown, with the good job among them.
    """
    good = people.queue(PATH, title="good")
    with people.jobs.engine.begin() as connection:
        for state in ("failed", "nonsense"):
            for column in writable(tables.history):
                for value in edges_of(column)[:8] if column.name != "id" else ():
                    row = whole_row(state) | {"site": "/plone", column.name: value}
                    insert(connection, tables.history, row)
    seen: list[str] = []
    address = LIST
    while address:
        page = look(people, "boss", address)
        assert not set(listed(page)) & set(seen)
        seen += listed(page)
        [address] = [
            LIST + f"?{urlsplit(at.get('href')).query}" for at in page.cssselect("a[rel=next]")
        ] or [""]
    assert good in seen
    assert len(seen) > 100
