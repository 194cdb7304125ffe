"""The overview ``@@coserver``, the failures ``@@coserver-failures``, and empty states."""

from __future__ import annotations

from collections.abc import Callable

import lxml.html
import pytest
import sqlalchemy as sa
from lxml.html import HtmlElement

from collective.coserver.controlpanel.failures import page as failures_page
from collective.coserver.controlpanel.failures.error_text import normalize_error
from collective.coserver.controlpanel.overview import page as overview_page
from coserver_consumer import store
from coserver_consumer.model import lifecycle
from coserver_consumer.model.job import State, new_id
from coserver_consumer.model.outcome import Failed
from coserver_consumer.store import claim, finish, maintain, manage
from coserver_consumer.store.maintain import ConsumerInfo
from coserver_consumer.store.schema import tables
from tests.plone.instance import Instance, forget_settings

OVERVIEW = "/plone/@@coserver"
FAILURES = "/plone/@@coserver-failures"
LIST = "/plone/@@coserver-jobs"
PATH = "/plone/@@test-tell"
SECOND = 1_000_000


@pytest.fixture
def people(instance: Instance) -> Instance:
    """A manager and a member."""
    instance.add_user("boss", roles=("Manager",))
    instance.add_user("jane")
    return instance


@pytest.fixture
def start(people: Instance) -> Callable[..., str]:
    """A function that registers a consumer of these queues and returns its id."""

    def register(*queues: str, name: str = "web1") -> str:
        info = ConsumerInfo(
            id=new_id(), name=name, hostname="here", pid=1, version="1", queues=queues,
            tasks=("view",), capabilities=(), threads=4,
        )  # fmt: skip
        write(people, lambda connection: maintain.register(connection, info))
        return info.id

    return register


def write(people: Instance, work: Callable[[sa.Connection], object]) -> None:
    store.write(people.jobs.engine, work)


def look(people: Instance, path: str, login: str = "boss") -> HtmlElement:
    """Return the page as that user sees it."""
    answer = people.browse(path, login=login)
    assert answer.status_code == 200, answer.text
    return lxml.html.fromstring(answer.text)


def words(element: HtmlElement) -> str:
    return " ".join(element.text_content().split())


def tables_of(page: HtmlElement) -> list[list[list[str]]]:
    """Return the cells of the rows of each table."""
    return [
        [[words(cell) for cell in row.cssselect("th, td")] for row in table.cssselect("tbody tr")]
        for table in page.cssselect(".cs table")
    ]


def listed(people: Instance, link: HtmlElement) -> int:
    """Return how many jobs a link leads to."""
    page = look(people, link.get("href").removeprefix(people.url))
    return len(page.cssselect("tr[data-job]"))


def fail(people: Instance, error: str) -> None:
    """Let a new job fail."""
    people.queue(PATH)
    ending = lifecycle.fail(people.claim(), Failed(error=error))
    write(people, lambda connection: finish.end_attempts(connection, [ending]))


def test_the_overview_tells_of_the_site_s_jobs_only(people: Instance, start: Callable) -> None:
    """Each number leads to the jobs that it counts, and a consumer to what it does for the site."""
    consumer = start("default")
    fail(people, "no ink")
    people.queue(PATH, title="runs")
    wanted = {"consumer": consumer, "queues": ["default"], "tasks": ["view"], "limit": 1}
    write(people, lambda connection: claim.claim(connection, **wanted))
    people.queue(PATH)
    people.queue(PATH, delay=900)
    with people.jobs.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO coserver_job (task, site, title) VALUES ('view', '/other', 'theirs')"
        )
    page = look(people, OVERVIEW)
    queues, consumers, failures = tables_of(page)
    assert [row[:6] for row in queues] == [["default", "2", "0", "1", "1", "0"]]
    assert [(row[0], row[2], row[4]) for row in consumers] == [("web1", "0 of 4", "runs")]
    assert [row[:3] for row in failures] == [["view", "1", "1"]]
    numbers = page.cssselect(".cs td.num a")
    assert [listed(people, link) for link in numbers] == [int(words(link)) for link in numbers]
    assert not page.cssselect(".cs-note")


def test_the_overview_says_what_is_wrong_and_what_mends_it(
    people: Instance, start: Callable
) -> None:
    """First that nobody works at all."""
    for name in ("mail", "news feeds"):
        people.jobs.add_queue(name)
        people.queue(PATH, queue=name)
    write(people, lambda connection: manage.pause(connection, "news feeds"))
    [warning] = look(people, OVERVIEW).cssselect(".cs-note")
    assert "no consumer was ever started. Waiting: 2." in words(warning)
    assert words(warning.cssselect("code")[0]) == "coserver run --queues 'mail,news feeds'"
    start("mail")
    page = look(people, OVERVIEW)
    unserved, paused = page.cssselect(".cs-note")
    assert words(unserved).startswith("No consumer serves the queue news feeds. Waiting in it: 1.")
    assert words(unserved.cssselect("code")[0]) == "coserver run --queues 'news feeds'"
    assert words(paused).startswith("The queue news feeds is paused. Waiting in it: 1.")
    assert words(paused.cssselect("code")[0]) == "coserver queues resume 'news feeds'"
    links = [*unserved.cssselect("a"), *paused.cssselect("a"), *page.cssselect(".cs tbody th a")]
    assert [listed(people, link) for link in links] == [1, 1, 1, 1]
    gone = sa.update(tables.consumer).values(heartbeat_at=tables.consumer.c.heartbeat_at - 10**10)
    write(people, lambda connection: connection.execute(gone))
    [warning] = look(people, OVERVIEW).cssselect(".cs-note")
    assert "the last consumer, web1, was heard of 2 h ago" in words(warning)


def test_the_same_trouble_is_one_row_of_the_failures(people: Instance) -> None:
    """And each number leads to its jobs."""
    for error in (
        "Mailbox a@example.org is 97% full",
        "Mailbox b@example.org is 8% full",
        "no ink",
    ):
        fail(people, error)
    page = look(people, FAILURES)
    [rows] = tables_of(page)
    assert [row[:5] for row in rows] == [
        ["view", "Mailbox … is …% full", "2", "2", "2"],
        ["view", "no ink", "1", "1", "1"],
    ]
    links = page.cssselect(".cs td.num a")
    assert [listed(people, link) for link in links] == [2, 2, 2, 1, 1, 1]
    past = sa.update(tables.history).values(ended_at=tables.history.c.ended_at - 7200 * SECOND)
    write(people, lambda connection: connection.execute(past))
    [rows] = tables_of(look(people, FAILURES))
    assert [row[2:5] for row in rows] == [["0", "2", "2"], ["0", "1", "1"]]


def test_a_number_says_that_it_may_be_higher(
    people: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the newest jobs are looked at; and a row that isn't shown is counted."""
    for page in (overview_page, failures_page):
        monkeypatch.setattr(page, "MOST_COUNTED", 2)
    monkeypatch.setattr(failures_page, "MOST_GROUPS", 1)
    for error in ("no ink", "no paper", "no ink"):
        fail(people, error)
    for _ in range(3):
        people.queue(PATH)
    page = look(people, OVERVIEW)
    [[row], [failed]] = tables_of(page)
    assert row[:6] == ["default", "2+", "0+", "0+", "2+", "0+"]
    assert row[6].endswith(" s or longer")
    assert failed[1:3] == ["2+", "2+"]
    assert words(page.cssselect(".cs-note")[0]).endswith(
        "Waiting: 2+. coserver run --queues default"
    )
    page = look(people, FAILURES)
    [[row]] = tables_of(page)
    assert row[2:5] == ["1+"] * 3
    assert "Rows with fewer failures that are left out: 1." in words(page)
    past = sa.update(tables.history).values(ended_at=tables.history.c.ended_at - 10**12)
    write(people, lambda connection: connection.execute(past))
    [empty] = look(people, FAILURES).cssselect(".cs-empty")
    assert "Of the newest 2 jobs of this site that have ended" in words(empty)
    assert "Of the newest 2 jobs that have ended" in words(look(people, OVERVIEW))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("job 0192aabb-0000-7000-8000-00000000000f: 12.5 s", "job …: … s"),
        ('File "/srv/a b.py" of https://example.org/x?y=1', "File … of …"),
        ("/var/lib/x/y.z isn't there\nand more", "… isn't there"),
        ("no ink", "no ink"),
        ("x" * 300, "x" * 160 + "…"),
    ],
)
def test_an_error_is_known_by_what_does_not_vary(error: str, said: str) -> None:
    """Numbers, ids, addresses and paths do."""
    assert normalize_error(error) == said


@pytest.mark.parametrize("path", [OVERVIEW, FAILURES])
def test_only_who_sees_all_jobs_sees_the_whole(people: Instance, path: str) -> None:
    """Neither members nor visitors; and no button answers there."""
    for login in (None, "jane"):
        answer = people.browse(path, login=login)
        assert "require_login" in answer.headers["Location"]
    assert people.browse(path, login="boss", method="POST").status_code in (403, 405)
    assert words(look(people, LIST).cssselect(".cs-nav")[0]) == "Overview Jobs Failures"
    assert not look(people, LIST, "jane").cssselect(".cs-nav")


def test_nothing_is_told_in_five_ways(people: Instance, environment: pytest.MonkeyPatch) -> None:
    """Nothing was ever queued; nothing matches; one sees one's own; nobody works; no database."""
    for path in (OVERVIEW, LIST):
        [empty] = look(people, path).cssselect(".cs-empty")
        assert "No job yet" in words(empty)
        assert "queue.add(" in words(empty)
    people.queue(PATH)
    [empty] = look(people, f"{LIST}?q=other").cssselect(".cs-empty")
    assert "No job matches" in words(empty)
    [empty] = look(people, LIST, "jane").cssselect(".cs-empty")
    assert "You see your own jobs only" in words(empty)
    assert "Nobody runs the jobs" in words(look(people, OVERVIEW).cssselect(".cs-note")[0])
    assert people.jobs.count_live() == 1
    environment.setenv("COSERVER_DATABASE", "sqlite:////nonexistent/queue.sqlite")
    forget_settings()
    for path in (OVERVIEW, LIST, FAILURES):
        page = look(people, path)
        assert "can't be used at the moment" in words(page.cssselect("[role=alert].cs-note")[0])
        assert not page.cssselect(".cs-empty, .cs-table")


def test_the_unclear_jobs_wait_for_a_decision(people: Instance) -> None:
    """The overview leads to them, however long it has been."""
    fail(people, "x")
    unclear = sa.update(tables.history).values(state=State.UNKNOWN.value)
    write(people, lambda connection: connection.execute(unclear))
    past = sa.update(tables.history).values(ended_at=tables.history.c.ended_at - 10**12)
    write(people, lambda connection: connection.execute(past))
    [warning] = look(people, OVERVIEW).cssselect(".cs-note")
    assert "They are: 1." in words(warning)
    assert listed(people, warning.cssselect("a")[0]) == 1


def test_who_has_a_page_already_is_sent_nothing(people: Instance) -> None:
    """Until something has changed; a form's token, which is new each time, is no change."""
    people.queue(PATH, delay=3 * 86_400)
    past = sa.update(tables.job).values(created_at=tables.job.c.created_at - 86_400 * 30 * SECOND)
    write(people, lambda connection: connection.execute(past))
    tag = people.browse(LIST, login="boss").headers["ETag"]
    again = people.browse(LIST, login="boss", headers={"If-None-Match": tag})
    assert (again.status_code, again.text) == (304, "")
    people.queue(PATH)
    again = people.browse(LIST, login="boss", headers={"If-None-Match": tag})
    assert again.status_code == 200
