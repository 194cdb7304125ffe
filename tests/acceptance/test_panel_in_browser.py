"""The control panel in a real browser: seen by axe-core, narrow, dark, by keyboard, and live."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, expect

from coserver_consumer import store
from coserver_consumer.model.job import RunKey, State, new_id
from coserver_consumer.model.lifecycle import fail, retry
from coserver_consumer.model.outcome import Failed
from coserver_consumer.store import claim, enqueue, finish, maintain, manage
from coserver_consumer.store.maintain import ConsumerInfo
from coserver_consumer.store.schema import tables
from support.chromium import PANEL, find_barriers, open_page, run_chromium
from support.installation import Installation
from support.new_jobs import make_new
from support.waiting import PATIENCE

DAY_US = 86_400_000_000
WIDE = {"width": 1280, "height": 900}
NARROW = {"width": 390, "height": 844}
DARK = "document.documentElement.dataset.bsTheme = 'dark'"


class Sights(NamedTuple):
    """What there is to see: a failed job, one that waits for it, and one that runs.

    No consumer serves their queue, so they stay as they are.
    """

    queue: str
    failed: str
    waiting: str
    running: RunKey


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser."""
    with run_chromium() as browser:
        yield browser


@pytest.fixture
def sights(installation: Installation) -> Sights:
    """Jobs of every look."""
    queue = f"seen-{new_id()[-8:]}"
    installation.jobs.add_queue(queue)
    return store.write(installation.jobs.engine, lambda c: make_sights(c, queue, add_consumer(c)))


def add_consumer(connection: sa.Connection) -> str:
    """Register a consumer that nobody takes for dead; return its id."""
    info = ConsumerInfo(
        id=new_id(), name="seen", hostname="here", pid=1, version="1", queues=(), tasks=(),
        capabilities=(), threads=1,
    )  # fmt: skip
    maintain.register(connection, info)
    beat = tables.consumer.c.heartbeat_at
    later = sa.update(tables.consumer).where(tables.consumer.c.id == info.id)
    connection.execute(later.values(heartbeat_at=beat + DAY_US))
    return info.id


def make_sights(connection: sa.Connection, queue: str, consumer: str) -> Sights:
    """Queue the jobs, and let some run or fail."""

    def add(title: str, **options: object) -> str:
        said = {"queue": queue, "site": "/Plone", "owner": "admin", "title": title, **options}
        return enqueue.add(connection, make_new(args={"path": "/Plone/x", "token": "t"}, **said))

    def take() -> object:
        wanted = {"consumer": consumer, "queues": [queue], "tasks": ["t"], "limit": 1}
        return claim.claim(connection, **wanted)[0]

    failure = Failed(error="/Plone/cover.tiff can't be read", traceback="Traceback ...\n" * 9)
    failed = add("Annual report <b>2026</b>")
    finish.end_attempts(connection, [fail(take(), failure)])
    waiting = add("Mail the report", after=[failed])
    add("Part 503 of 8,234")
    finish.end_attempts(connection, [retry(take(), failure, 4000)])
    add("Transcode a lecture with a title that is longer than a narrow screen is wide")
    running = take().key
    manage.report(connection, running, 0.4, "page 4 of 10")
    add("Christmas letter", delay=900_000)
    add("Ready to run")
    return Sights(queue=queue, failed=failed, waiting=waiting, running=running)


def login(installation: Installation) -> tuple[str, str]:
    return (installation.stack.login.name, installation.stack.login.password)


def address(installation: Installation, path: str) -> str:
    """Return an address by which Plone shows its theme: it does so at localhost only."""
    return f"{installation.url}/{path}".replace("127.0.0.1", "localhost")


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
def test_no_page_has_a_barrier(
    installation: Installation, sights: Sights, chromium: Browser, viewport: dict[str, int]
) -> None:
    """In the light and in the dark; and the panel is never wider than its screen."""
    paths = ["@@coserver", "@@coserver-failures", f"@@coserver-jobs?q=queue:{sights.queue}"]
    paths += [f"@@coserver-jobs/{job}" for job in (sights.failed, sights.waiting)]
    paths += [f"@@coserver-jobs/{sights.running.job_id}", "@@coserver-jobs?q=colour:red"]
    found = {}
    with open_page(chromium, login(installation), viewport=viewport) as page:
        for path in paths:
            page.goto(address(installation, path))
            found[path] = find_barriers(page)
            page.evaluate(DARK)
            found[path] += find_barriers(page)
            panel = page.locator(PANEL)
            if panel.evaluate("panel => panel.scrollWidth > panel.clientWidth"):
                found[path].append("wider than its screen")
    assert found == {path: [] for path in paths}


def test_the_panel_works_without_scripts(
    installation: Installation, sights: Sights, chromium: Browser
) -> None:
    """A search, a menu, a job's page, and a button on it."""
    with open_page(chromium, login(installation), java_script_enabled=False) as page:
        page.goto(address(installation, "@@coserver-jobs"))
        expect(page.locator(".cs-live")).to_be_hidden()
        page.locator(".cs-menu summary").first.click()
        page.locator(".cs-menu a", has_text=sights.queue).click()
        page.get_by_role("searchbox", name="Search jobs").fill('"annual report"')
        page.get_by_role("button", name="Search", exact=True).last.click()
        page.get_by_role("link", name="Annual report <b>2026</b>").first.click()
        page.get_by_role("button", name="Retry").click()
        expect(page.locator("#coserver-job")).to_have_attribute("data-state", "ready")
        assert page.url.endswith(sights.failed)
    assert installation.jobs.get(sights.failed).state is State.READY


def test_the_panel_works_by_keyboard(
    installation: Installation, sights: Sights, chromium: Browser
) -> None:
    """Each stop can be seen, and the job's page is reached."""
    with open_page(chromium, login(installation), viewport=WIDE) as page:
        page.goto(address(installation, f"@@coserver-jobs?q=queue:{sights.queue}"))
        field = page.get_by_role("searchbox", name="Search jobs")
        field.focus()
        page.keyboard.type("christmas")
        page.keyboard.press("Enter")
        expect(page.locator("tr[data-job]")).to_have_count(1)
        link = page.get_by_role("link", name="Christmas letter")
        link.focus()
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Tab")
        expect(link).to_be_focused()
        assert link.evaluate("link => getComputedStyle(link).outlineStyle") == "solid"
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Christmas letter")).to_be_visible()


def test_the_page_is_live_and_stands_still_while_somebody_types(
    installation: Installation, sights: Sights, chromium: Browser
) -> None:
    """The choice is remembered; what is fetched is the same address."""

    def report(progress: float) -> None:
        store.write(
            installation.jobs.engine,
            lambda connection: manage.report(connection, sights.running, progress, None),
        )

    with open_page(chromium, login(installation), viewport=WIDE) as page:
        page.goto(address(installation, f"@@coserver-jobs?q=queue:{sights.queue}+transcode"))
        row = page.locator(f"tr[data-job='{sights.running.job_id}']")
        bar = row.get_by_role("progressbar")
        page.get_by_role("button", name="2 s", exact=True).click()
        page.locator("h1").click()
        report(0.6)
        expect(bar).to_have_attribute("aria-valuenow", "60", timeout=PATIENCE * 1000)
        page.get_by_role("searchbox", name="Search jobs").focus()
        expect(page.locator(".cs-still")).to_be_visible()
        report(0.8)
        page.reload()
        pressed = page.locator(".cs-live [aria-pressed=true]")
        expect(pressed).to_have_text("2 s")
        expect(row.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "80")
