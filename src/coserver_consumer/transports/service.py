"""Asking the services of a Zope instance that answer to holders of the secret only."""

from __future__ import annotations

from urllib3 import BaseHTTPResponse, PoolManager, Timeout
from urllib3.exceptions import HTTPError

from coserver_consumer.settings import Settings
from coserver_consumer.signing import seal
from coserver_consumer.transports.deadline import DeadlinePoolManager

TIMEOUT = Timeout(connect=10, read=300)  # seconds; a walk over a long night takes a while
OK = 200


def make_pool() -> PoolManager:
    """Return a pool for one thread that asks one instance."""
    return DeadlinePoolManager(num_pools=1, maxsize=1, retries=False)


def name_instances(settings: Settings) -> str:
    """Return the addresses as people read them."""
    return " or ".join(settings.zope_url)


def ask_service(
    pool: PoolManager, settings: Settings, service: str, body: bytes
) -> BaseHTTPResponse:
    """Post a sealed message and return the answer of the first instance that gives one.

    Its status may be any; if none answers, urllib3's error for the last one comes out.
    ``service`` is a path from Zope's root.
    """
    *others, last = settings.zope_url
    for url in others:
        try:
            return _ask(pool, settings, url, service, body)
        except HTTPError:
            continue
    return _ask(pool, settings, last, service, body)


def _ask(
    pool: PoolManager, settings: Settings, url: str, service: str, body: bytes
) -> BaseHTTPResponse:
    token = seal(body, service=service, secret=settings.secret_text)
    return pool.request(
        "POST",
        url + service,
        body=body,
        headers={"Authorization": f"Coserver-Seal {token}", "Content-Type": "application/json"},
        redirect=False,
        timeout=TIMEOUT,
    )
