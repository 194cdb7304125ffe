"""A Django site whose views queue jobs in Django's own transaction, with the pages' code.

In SQL through Django's cursor, and with ``Client`` on Django's connection.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, build_opener

import pytest
import sqlalchemy as sa

from coserver_consumer.store.database.family import Family, name_family
from demo import ready
from demo.ports import HOST, free_port
from demo.processes import Process
from support.databases import DATABASES, fresh_database, upgrade
from support.waiting import PATIENCE, wait_for

ENGINES = {Family.POSTGRESQL: "postgresql", Family.MYSQL: "mysql", Family.SQLITE: "sqlite3"}
SETTINGS = """
import pymysql

pymysql.install_as_MySQLdb()
ALLOWED_HOSTS = ["*"]
COSERVER_DATABASE = {url!r}
DATABASES = {{"default": {database!r}}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["shop"]
ROOT_URLCONF = "shop.urls"
SECRET_KEY = "only for tests"
"""
MODELS = """
from django.db import models


class Customer(models.Model):
    email = models.CharField(max_length=100, unique=True)
"""
URLS = """
from django.urls import path

from shop import hanging, with_client, with_sql

urlpatterns = [
    path("sql/add", with_sql.register),
    path("sql/state/<job_id>", with_sql.state),
    path("client/add", with_client.order),
    path("client/state/<job_id>", with_client.outcome),
    path("sql/hang", hanging.hang, {"view": with_sql.register}),
    path("client/hang", hanging.hang, {"view": with_client.order}),
]
"""
HANGING = """
import time
from pathlib import Path

from django.db import transaction


def hang(request, view):
    with transaction.atomic():
        view(request)
        Path("hangs").touch()
        time.sleep(600)
"""
# SQLite refuses to write at once in a transaction that began to read before another has written.
SQLITE_OPTIONS = {"timeout": 60, "transaction_mode": "IMMEDIATE"}
WAYS = pytest.mark.parametrize("way", ["sql", "client"])


class Site:
    """The site as its visitors have it."""

    def __init__(self, process: Process, address: str) -> None:
        self.process = process
        self._address = address
        self._open = build_opener(ProxyHandler({})).open

    def ask(self, path: str, **form: str) -> tuple[int, dict[str, str]]:
        """Return the status of an answer and the JSON in it; a form is posted."""
        data = urlencode(form).encode() or None
        try:
            with self._open(f"{self._address}/{path}", data, timeout=PATIENCE) as answer:
                return answer.status, json.load(answer)
        except HTTPError as error:
            return error.code, {}


@pytest.fixture(params=DATABASES)
def database_url(request, tmp_path) -> Iterator[str]:
    """The URL of a queue's database of its own: Django adds tables to it."""
    with fresh_database(request.param, tmp_path) as url:
        upgrade(url)
        yield url


@pytest.fixture
def project(database_url, tmp_path, page_blocks) -> Path:
    """The folder of the Django project; its tables are in the queue's database."""
    folder = tmp_path / "project"
    [with_sql] = page_blocks("reference/tables.md", "python django")
    [with_client] = page_blocks("how-to/use-it-from-another-program.md", "python django")
    settings = SETTINGS.format(url=database_url, database=_to_django(database_url))
    (folder / "shop").mkdir(parents=True)
    for name, text in {
        "site_settings.py": settings,
        "shop/models.py": MODELS,
        "shop/urls.py": URLS,
        "shop/with_sql.py": with_sql,
        "shop/with_client.py": with_client,
        "shop/hanging.py": HANGING,
    }.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def site(project, tmp_path) -> Iterator[Site]:
    """The site, served by Django."""
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "site_settings"}
    environment["PYTHONPATH"] = os.pathsep.join([str(project), *sys.path])
    django = [sys.executable, "-m", "django"]
    subprocess.run(
        [*django, "migrate", "--run-syncdb"],
        cwd=project,
        env=environment,
        check=True,
        capture_output=True,
    )
    port = free_port()
    process = Process(
        "django",
        [*django, "runserver", "--noreload", f"{HOST}:{port}"],
        log=tmp_path / "django.log",
        ready=ready.port_answers(port),
        directory=project,
        environment=environment,
    )
    process.start()
    yield Site(process, f"http://{HOST}:{port}")
    process.kill()


def _to_django(url: str) -> dict[str, str]:
    """Return a database as Django's settings have it."""
    parts = sa.make_url(url)
    return {
        "ENGINE": f"django.db.backends.{ENGINES[name_family(parts.get_backend_name())]}",
        "NAME": parts.database or "",
        "HOST": parts.host or "",
        "PORT": str(parts.port or ""),
        "USER": parts.username or "",
        "PASSWORD": parts.password or "",
        "OPTIONS": SQLITE_OPTIONS if parts.get_backend_name() == "sqlite" else {},
    }


@WAYS
def test_a_view_queues_a_job_and_another_watches_it(site, consumer, jobs, way):
    """The job runs once the view's transaction has committed."""
    status, answer = site.ask(f"{way}/add", email="a@example.com")
    assert status == 200
    job_id = answer["job"]

    def look():
        _, told = site.ask(f"{way}/state/{job_id}")
        return told if told["state"] in ("completed", "failed") else None

    told = wait_for(look, what="the job to end")
    assert told["state"] == "completed"
    assert told.get("result", {"sent": "a@example.com"}) == {"sent": "a@example.com"}
    assert jobs.get(job_id).result == {"sent": "a@example.com"}


@WAYS
def test_a_view_that_fails_queues_nothing(site, jobs, way):
    """The second customer of that address is an error after the job was added."""
    assert site.ask(f"{way}/add", email="a@example.com")[0] == 200
    assert site.ask(f"{way}/add", email="a@example.com")[0] == 500
    assert site.ask(f"{way}/add", email="b@example.com")[0] == 200
    assert sorted(job.args["to"] for job in jobs.titled("mail.send")) == [
        "a@example.com",
        "b@example.com",
    ]


@WAYS
def test_a_django_that_is_killed_before_its_commit_has_queued_nothing(
    site, project, engine, jobs, way
):
    """Neither the job nor the customer is there."""
    with ThreadPoolExecutor(1) as visitor:
        answer = visitor.submit(site.ask, f"{way}/hang", email="c@example.com")
        wait_for((project / "hangs").exists, what="the view to hang before its commit")
        site.process.kill()
        assert isinstance(answer.exception(), OSError)
    assert jobs.titled("mail.send") == []
    with engine.connect() as connection:
        count = connection.exec_driver_sql("SELECT COUNT(*) FROM shop_customer").scalar()
    assert count == 0
