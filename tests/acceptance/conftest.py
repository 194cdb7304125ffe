"""One installation for all acceptance tests: starting it takes half a minute."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from demo.processes import Process
from support.browser import job_id_of
from support.databases import DATABASES, fresh_database
from support.feeds import FeedServer, serve_feed
from support.installation import Installation, run_installation
from support.jobs import Jobs
from support.mail import Mailbox, MailServer, serve_mail

STRONGEST_FIRST = ["postgresql", "mysql", "sqlite"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport]:
    """Show with a test that failed what the processes had to say."""
    report = yield
    installation = getattr(item, "funcargs", {}).get("installation")
    if report.failed and installation is not None:
        for process in installation.stack.processes.values():
            report.sections.append((f"end of {process.log.name}", process.tail()))
    return report


@pytest.fixture(scope="session")
def mail_server() -> Iterator[MailServer]:
    """A real SMTP server."""
    with serve_mail() as server:
        yield server


@pytest.fixture(scope="session")
def mailbox(mail_server: MailServer) -> Mailbox:
    """What the SMTP server was sent."""
    return mail_server.mailbox


@pytest.fixture(scope="session")
def installation(
    tmp_path_factory: pytest.TempPathFactory, mailbox: Mailbox
) -> Iterator[Installation]:
    """ZEO, two Zope instances and a consumer, on the strongest database asked for."""
    directory = tmp_path_factory.mktemp("installation")
    kind = next(kind for kind in STRONGEST_FIRST if kind in DATABASES)
    with (
        fresh_database(kind, directory) as database,
        run_installation(directory, database, mailbox) as installation,
    ):
        yield installation


@pytest.fixture
def jobs(installation: Installation) -> Jobs:
    """The installation's queue."""
    return installation.jobs


@pytest.fixture(scope="session")
def zodb_consumer(installation: Installation) -> Process:
    """A consumer that opens the ZODB itself and serves the queue ``zodb``."""
    return installation.start_zodb_consumer("zodb", queue="zodb")


@pytest.fixture(params=["http", "zodb"])
def transport(request: pytest.FixtureRequest, installation: Installation) -> Iterator[str]:
    """The way in which the test's jobs reach Zope; it must not make a difference."""
    if request.param == "zodb":
        request.getfixturevalue("zodb_consumer")
        installation.queue_name = "zodb"
    yield request.param
    installation.queue_name = "default"


@pytest.fixture(scope="session")
def samples(installation: Installation) -> str:
    """The path of a folder with five hundred files, which a job has made."""
    answer = installation.admin().press("@@coserver-examples", "coserver-samples")
    made = installation.jobs.wait_completed(job_id_of(answer), within=120)
    assert made.result == 500
    return "/Plone/samples"


@pytest.fixture
def feed() -> Iterator[FeedServer]:
    """A real feed server with three entries."""
    with serve_feed() as server:
        server.entries = {"ship-1": "The Anna", "ship-2": "The Berta", "ship-3": "The Clara"}
        yield server
