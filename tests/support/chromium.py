"""A real browser: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from support.waiting import PATIENCE

PANEL = ".cs"  # the region that is the panel's own; around it is Plone's frame
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
)


@contextmanager
def run_chromium() -> Iterator[Browser]:
    """Start Chromium, yield it and stop it."""
    program = shutil.which("chromium")
    assert program, "Chromium isn't installed: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield browser
        browser.close()


@contextmanager
def open_page(browser: Browser, login: tuple[str, str], **options: Any) -> Iterator[Page]:
    """Yield a page of somebody who is logged in; whatever goes wrong in it is an error."""
    key = b64encode(":".join(login).encode()).decode()
    headers = {"Authorization": f"Basic {key}"}
    still = {"reduced_motion": "reduce"}  # what is half-way between two colours is no finding
    context = browser.new_context(extra_http_headers=headers, **still, **options)
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []


def find_barriers(page: Page) -> list[str]:
    """Return what axe-core finds in the panel's region: which rule, and where."""
    found = Axe().run(page, context=PANEL).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:200]} {node.get('failureSummary', '')}"
        for rule in found
        for node in rule["nodes"]
    ]
