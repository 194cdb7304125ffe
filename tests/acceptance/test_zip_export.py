"""Five hundred files become a zip in the site."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from io import BytesIO
from zipfile import ZipFile

import pytest

from coserver_consumer import store
from coserver_consumer.model.job import State
from coserver_consumer.store import manage
from support.browser import job_id_of
from support.installation import Installation
from support.jobs import Jobs
from support.middle import freeze_in_the_middle
from support.waiting import wait_for

NAMES = {
    f"folder-{(number - 1) // 50 + 1:02}/letter-{number:03}.txt": number for number in range(1, 501)
}


@pytest.fixture
def exporting(installation: Installation, jobs: Jobs, samples: str) -> Iterator[str]:
    """A queue that only the consumers of these tests serve."""
    jobs.add_queue("exporting")
    yield "exporting"
    for name, process in installation.stack.processes.items():
        if name.startswith("exporting"):
            process.kill()


def queue_export(installation: Installation, queue: str) -> str:
    """Have a request queue the export of the samples; return the job's id."""
    return installation.admin().get("samples/@@test-queue-export", queue=queue).text


def read_export(installation: Installation) -> dict[str, bytes]:
    """Return what is in the zip in the site, by name."""
    answer = installation.admin().get("samples/export.zip/@@download/file")
    answer.raise_for_status()
    with ZipFile(BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert len(names) == len(set(names))
        return {name: archive.read(name) for name in names}


def remove_export(installation: Installation) -> None:
    """Remove the zip from the site, if it is there."""
    installation.admin().get("samples/@@test-remove", name="export.zip").raise_for_status()


@pytest.mark.usefixtures("transport")
def test_the_zip_has_every_file_and_the_job_shows_how_far_it_is(
    installation: Installation, jobs: Jobs, samples: str
) -> None:
    """An earlier export is replaced; progress is seen while it runs."""
    job_id = queue_export(installation, installation.queue_name)
    seen: set[float] = set()

    def has_ended() -> bool:
        job = jobs.get(job_id)
        seen.add(job.progress or 0.0)
        return not job.state.is_live

    wait_for(has_ended, what="the export", within=60)
    assert jobs.wait_completed(job_id).result.endswith("/samples/export.zip")
    assert len(seen) > 3
    files = read_export(installation)
    assert files.keys() == NAMES.keys()
    for name, number in NAMES.items():
        assert files[name].decode() == f"This is letter {number} of 500. Grüße!\n"


def test_the_button_leads_to_the_zip(installation: Installation, jobs: Jobs, samples: str) -> None:
    """When it is done, the page has a link."""
    answer = installation.admin().press("@@coserver-examples", "coserver-zip-export")
    assert "The export is queued." in answer.text
    jobs.wait_completed(job_id_of(answer), within=60)
    page = installation.admin().get("@@coserver-examples").text
    assert f"{installation.url}/samples/export.zip" in page


def test_an_export_that_is_cancelled_leaves_nothing(
    installation: Installation, jobs: Jobs, exporting: str
) -> None:
    """It stops in the middle, and no half zip is there."""
    remove_export(installation)
    consumer = installation.start_zodb_consumer("exporting-1", "--processes", "0", queue=exporting)
    job_id = queue_export(installation, exporting)
    freeze_in_the_middle(consumer, jobs, job_id)
    store.write(jobs.engine, lambda connection: manage.cancel(connection, job_id))
    consumer.send(signal.SIGCONT)
    assert jobs.wait_ended(job_id).state is State.CANCELLED
    assert installation.admin().get("samples/export.zip/@@download/file").status_code == 404


def test_a_consumer_that_is_killed_in_the_middle_does_no_harm(
    installation: Installation, jobs: Jobs, exporting: str
) -> None:
    """Another one makes the zip, once and whole."""
    remove_export(installation)
    doomed = installation.start_zodb_consumer("exporting-2", "--processes", "0", queue=exporting)
    job_id = queue_export(installation, exporting)
    freeze_in_the_middle(doomed, jobs, job_id)
    doomed.kill()
    installation.start_zodb_consumer("exporting-3", queue=exporting)
    job = jobs.wait_completed(job_id, within=60)
    assert (job.attempt, job.rescues) == (1, 1)
    assert read_export(installation).keys() == NAMES.keys()
