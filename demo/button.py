"""The button of an example, pressed over HTTP by a person who logs in first."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import urljoin

import lxml.html
import requests

from demo.instance import Login
from demo.processes import wait_until

ENDED = {"completed", "failed", "cancelled", "dropped", "unknown"}


class CheckFailed(RuntimeError):
    """Something didn't happen as it should; the text says what."""


def press(site: str, login: Login, form_id: str) -> str:
    """Log in, press the button of a form on the examples' page, return the job's id.

    ``site`` is the address of the Plone site.
    """
    try:
        page = _log_in_and_press(site, login, form_id)
    except requests.RequestException as error:
        raise CheckFailed(f"{site} doesn't answer as it should: {error}") from error
    shown = lxml.html.fromstring(page.text).find_class("coserver-job-id")
    if not shown:
        raise CheckFailed(f"{page.url} shows no job's id after the press of {form_id}.")
    return shown[0].text_content().strip()


def wait_for_end(coserver: Callable[..., str], job_id: str, within: float = 60) -> str:
    """Return the job's state when it has ended; raise ``CheckFailed`` if it doesn't.

    ``coserver`` runs that command with the given arguments and returns what it prints.
    """
    states = []

    def has_ended() -> bool:
        states.append(json.loads(coserver("jobs", "show", job_id, "--json"))["state"])
        return states[-1] in ENDED

    try:
        wait_until(has_ended, within=within, what=f"job {job_id} had ended")
    except TimeoutError as error:
        raise CheckFailed(f"{error} It is {states[-1]}.") from None
    return states[-1]


def _log_in_and_press(site: str, login: Login, form_id: str) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        _log_in(session, site, login)
        return _send(session, f"{site}/@@coserver-examples", form_id, {})


def _log_in(session: requests.Session, site: str, login: Login) -> None:
    fields = {"__ac_name": login.name, "__ac_password": login.password, "buttons.login": "1"}
    _send(session, f"{site}/login", "LoginForm", fields)
    if "__ac" not in session.cookies:
        raise CheckFailed(f"{site}/login doesn't let {login.name} in.")


def _send(
    session: requests.Session, url: str, form_id: str, fields: dict[str, str]
) -> requests.Response:
    """Open a page, fill in a form with its hidden fields, send it; return what follows."""
    page = session.get(url, timeout=60)
    form = lxml.html.fromstring(page.text).get_element_by_id(form_id, None)
    if form is None:
        raise CheckFailed(f"{url} answers {page.status_code} without the form {form_id}.")
    filled = dict(form.form_values()) | fields
    answer = session.post(urljoin(url, form.get("action")), data=filled, timeout=60)
    if not answer.ok:
        raise CheckFailed(f"{answer.url} answers {answer.status_code} {answer.reason}.")
    return answer
