"""Zope over HTTP, as browsers and as consumers see it."""

from __future__ import annotations

import json
import time
from typing import Any

import requests
import transaction

from collective.coserver.database import engine as addon_engine
from collective.coserver.database.settings import get_settings
from coserver_consumer import store
from coserver_consumer.model.job import Job, new_id
from coserver_consumer.protocol.request import Request, make_request
from coserver_consumer.protocol.tokens import make_token
from coserver_consumer.store import claim
from coserver_consumer.tasks.call import as_request
from support.jobs import Jobs
from support.waiting import PATIENCE

SECRET = "what Zope and its consumers share in tests"
PASSWORD = "a password that is long enough"


def forget_settings() -> None:
    """Let the process read its settings and open its engine anew."""
    get_settings.cache_clear()
    addon_engine._open.cache_clear()


def to_request(job: Job) -> Request:
    """Return the request that a consumer makes for the job."""
    return as_request(job) if job.task == "call" else make_request(job)


class Instance:
    """The layer's Zope, with its queue."""

    def __init__(self, layer: Any, jobs: Jobs) -> None:
        self.jobs = jobs
        self.app = layer["app"]
        self.portal = layer["portal"]
        self.url = f"http://{layer['host']}:{layer['port']}"

    def add_user(
        self, name: str, *, users: Any = None, roles: tuple[str, ...] = ("Member",)
    ) -> None:
        """Add a user to a user folder, by default the site's."""
        folder = self.portal.acl_users if users is None else users
        folder.userFolderAddUser(name, PASSWORD, list(roles), [])
        transaction.commit()

    def browse(
        self, path: str, *, login: str | None = None, method: str = "GET", **said: Any
    ) -> requests.Response:
        """Ask as a browser does, as the user of that name."""
        auth = (login, PASSWORD) if login else None
        return requests.request(
            method, self.url + path, auth=auth, allow_redirects=False, timeout=PATIENCE, **said
        )

    def queue(
        self,
        url: str,
        *,
        at: str = "/plone/@@test-queue",
        login: str | None = None,
        browse: dict[str, Any] | None = None,
        **options: Any,
    ) -> str:
        """Queue a job in a request of that user and return its id."""
        told = {"params": {"options": json.dumps({"url": url, **options})}} | (browse or {})
        answer = self.browse(at, login=login, **told)
        answer.raise_for_status()
        return answer.text

    def claim(self) -> Job:
        """Claim the only job there is."""
        (job,) = store.write(
            self.jobs.engine,
            lambda connection: claim.claim(
                connection, consumer=new_id(), queues=["default"], tasks=["view", "call"], limit=9
            ),
        )
        return job

    def run(self, job: Job, *, token: str | None = None) -> requests.Response:
        """Have Zope run a claimed job, with its run's token or another."""
        request = to_request(job)
        token = self.token(job) if token is None else token
        return requests.request(
            request.method,
            self.url + request.target,
            data=request.body,
            headers=request.headers | {"Authorization": f"Coserver {token}"},
            allow_redirects=False,
            timeout=PATIENCE,
        )

    def queue_and_run(self, url: str, **options: Any) -> requests.Response:
        """Queue a job, claim it and have Zope run it."""
        self.queue(url, **options)
        return self.run(self.claim())

    def token(self, job: Job, **changes: Any) -> str:
        """Return the token of the job's run, or one that differs."""
        request = to_request(job)
        said = {
            "key": job.key,
            "method": request.method,
            "target": request.target,
            "body": request.body,
            "secret": SECRET,
            "expires": time.time() + 60,
        } | changes
        return make_token(said.pop("key"), **said)
