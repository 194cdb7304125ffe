"""Asking the services of a Zope instance that answer to holders of the secret only."""

from __future__ import annotations

from urllib3 import BaseHTTPResponse, PoolManager, Timeout

from coserver_consumer.settings import Settings
from coserver_consumer.signing import seal

TIMEOUT = Timeout(connect=10, read=300)  # seconds; a walk over a long night takes a while
OK = 200


def make_pool() -> PoolManager:
    """Return a pool for one thread that asks one instance."""
    return PoolManager(num_pools=1, maxsize=1, retries=False)


def ask_service(
    pool: PoolManager, settings: Settings, service: str, body: bytes
) -> BaseHTTPResponse:
    """Post a sealed message and return the answer, whatever its status; urllib3's errors come out.

    ``service`` is a path from Zope's root.
    """
    token = seal(body, secret=settings.secret_text)
    return pool.request(
        "POST",
        settings.zope_url + service,
        body=body,
        headers={"Authorization": f"Coserver-Seal {token}", "Content-Type": "application/json"},
        redirect=False,
        timeout=TIMEOUT,
    )
