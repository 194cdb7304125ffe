"""Requests that another site has made a visitor's browser send."""

from __future__ import annotations

from typing import Any

import pytest

from tests.plone.instance import PASSWORD, Instance

QUEUE = "/plone/@@test-queue"
OPTIONS = {"options": '{"url": "/plone/@@test-tell"}'}
HERE = "HERE"  # stands for the address of the site
EVIL = "https://evil.example"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) Firefox/150.0"
VIRTUAL = "/VirtualHostBase/https/www.example.com:443/plone/VirtualHostRoot/@@test-queue"


def ask(instance: Instance, headers: dict, at: str = QUEUE, **said: Any) -> int:
    """Return the status of a request that queues a job, by default as jane."""
    instance.add_user("jane")
    sent = {name: value.replace(HERE, instance.url) for name, value in headers.items()}
    asked = {"login": "jane", "params": OPTIONS, "headers": sent} | said
    return instance.browse(at, **asked).status_code


OURS = [
    {},
    {"Sec-Fetch-Site": "same-origin", "User-Agent": BROWSER},
    {"Sec-Fetch-Site": "none", "User-Agent": BROWSER},
    {"Sec-Fetch-Site": "same-site", "Origin": HERE},
    {"Origin": HERE, "User-Agent": BROWSER},
    {"Referer": f"{HERE}/plone/edit", "User-Agent": BROWSER},
]
THEIRS = [
    {"Sec-Fetch-Site": "cross-site", "User-Agent": BROWSER},
    {"Sec-Fetch-Site": "cross-site", "Referer": HERE},
    {"Sec-Fetch-Site": "same-site", "User-Agent": BROWSER},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://other.localhost"},
    {"Origin": EVIL},
    {"Origin": "null"},
    {"Origin": f"{HERE}.evil.example"},
    {"Referer": f"{EVIL}/?{HERE}"},
    {"User-Agent": BROWSER},
]


@pytest.mark.parametrize("headers", OURS, ids=str)
def test_a_request_of_the_site_or_of_a_program_may_queue(instance: Instance, headers: dict) -> None:
    """A browser says where it comes from; a program says nothing."""
    assert ask(instance, headers) == 200
    assert instance.jobs.count_live() == 1


@pytest.mark.parametrize("headers", THEIRS, ids=str)
def test_a_request_of_another_site_may_not_queue(instance: Instance, headers: dict) -> None:
    """Nor may one that says nothing, of a browser: another site can suppress the Referer."""
    assert ask(instance, headers) == 403
    assert instance.jobs.count_live() == 0


def test_no_door_is_open_to_another_site(instance: Instance) -> None:
    """Not that of a chain or of a function, nor that by which a job is run again."""
    instance.add_user("jane")
    job_id = instance.queue("/plone/@@test-tell", login="jane")
    asked = {
        "queue": (OPTIONS | {"chain": "1"}, "Forbidden"),
        "locate": ({}, "Forbidden"),
        "retry": ({"job": job_id}, "This request may come from another site"),
    }
    for name, (params, said) in asked.items():
        sent = {"params": params, "headers": THEIRS[0]}
        assert said in instance.browse(f"/plone/@@test-{name}", login="jane", **sent).text
    assert instance.jobs.count_live() == 1


def test_a_visitor_s_request_may_queue_wherever_it_comes_from(instance: Instance) -> None:
    """Nobody's rights are borrowed: the other site could send it itself."""
    assert ask(instance, THEIRS[0], login=None) == 200


def test_a_token_shows_that_the_site_made_the_form(instance: Instance) -> None:
    """As it does for what is written to the ZODB; another's token doesn't."""
    instance.add_user("joe")
    joes = instance.browse("/plone/@@test-token", login="joe").text
    assert ask(instance, THEIRS[0] | {"X-CSRF-TOKEN": joes}) == 403
    janes = instance.browse("/plone/@@test-token", login="jane").text
    assert ask(instance, THEIRS[0] | {"X-CSRF-TOKEN": janes}) == 200
    assert ask(instance, THEIRS[0], params=OPTIONS | {"_authenticator": janes}) == 200


def test_a_key_that_browsers_do_not_send_unasked_may_queue(instance: Instance) -> None:
    """As a client of the REST services does that comes from another address."""
    instance.add_user("jane")
    login = {"login": "jane", "password": PASSWORD}
    said = instance.browse(
        "/plone/@login", method="POST", json=login, headers={"Accept": "application/json"}
    )
    key = {"Authorization": f"Bearer {said.json()['token']}"}
    assert ask(instance, THEIRS[0] | key, login=None) == 200
    assert instance.claim().owner == "jane"


def test_the_public_address_is_the_site_s(instance: Instance) -> None:
    """Zope knows it from the virtual host, or by the setting."""
    assert ask(instance, {"Origin": "https://www.example.com"}, at=VIRTUAL) == 200
    assert ask(instance, {"Origin": "https://www.example.com"}) == 403


def test_what_a_job_queues_passes(instance: Instance) -> None:
    """Its request bears a token of its own."""
    options = OPTIONS["options"]
    assert instance.queue_and_run(QUEUE, params={"options": options}, login=None).status_code == 200
    instance.claim()
