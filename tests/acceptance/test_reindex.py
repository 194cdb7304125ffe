"""A subtree is reindexed in chunks, while an editor works in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import pytest

from coserver_consumer.model.job import State
from coserver_examples.reindex.job import CHUNK, find_next_size, find_size
from support.freezing import freeze
from support.installation import Installation
from support.jobs import Jobs
from support.waiting import wait_for

THINKING = 0.2  # s between two edits


@pytest.fixture
def reindexing(installation: Installation, jobs: Jobs, samples: str) -> Iterator[str]:
    """A queue that only the consumers of these tests serve."""
    jobs.add_queue("reindexing")
    yield "reindexing"
    for name, process in installation.stack.processes.items():
        if name.startswith("reindexing"):
            process.kill()


def make_stale(installation: Installation, word: str) -> int:
    """Give all samples a title with that word, behind the catalog's back; return how many."""
    count = int(installation.admin().get("samples/@@test-make-stale", word=word).text)
    assert count_titled(installation, word) == 0
    return count


def count_titled(installation: Installation, word: str) -> int:
    """Return how many samples the catalog finds by the word."""
    return int(installation.admin().get("samples/@@test-count-titled", word=word).text)


class Editor(Thread):
    """Changes the same object again and again until it is told to stop."""

    def __init__(self, installation: Installation) -> None:
        super().__init__(daemon=True)
        self.browser = installation.admin()
        self.stopped = Event()
        self.statuses: list[int] = []
        self.lost = 0
        self.text = ""

    def run(self) -> None:
        """Edit, and look whether the last edit was still there."""
        while not self.stopped.is_set():
            text = f"edit {len(self.statuses)}"
            answer = self.browser.get("samples/folder-01/letter-001.txt/@@test-edit", text=text)
            self.statuses.append(answer.status_code)
            self.lost += bool(self.text) and answer.json() != self.text
            self.text = text
            self.stopped.wait(THINKING)


@pytest.mark.parametrize(
    ("size", "failures", "done"), [(25, 0, 25), (25, 1, 12), (25, 3, 3), (6, 1, 3), (25, 9, 1)]
)
def test_a_part_gets_smaller_with_each_conflict(size: int, failures: int, done: int) -> None:
    """So that there is an end to it, however busy the editor is."""
    assert find_size(size, failures) == done


@pytest.mark.parametrize(
    ("done", "failures", "size"), [(3, 2, 3), (3, 0, 4), (24, 0, 25), (25, 0, 25), (1, 9, 1)]
)
def test_the_next_part_begins_with_the_size_that_went_through(
    done: int, failures: int, size: int
) -> None:
    """A part that met no conflict lets the next one be larger again."""
    assert find_next_size(done, failures) == size


@contextmanager
def at_work(editor: Editor) -> Iterator[Editor]:
    """Have the editor work as long as the block does."""
    editor.start()
    try:
        yield editor
    finally:
        editor.stopped.set()
        editor.join()


@pytest.mark.usefixtures("transport")
def test_everything_is_reindexed_while_an_editor_works(
    installation: Installation, jobs: Jobs, samples: str
) -> None:
    """No request of the editor fails, no edit is lost, and the catalog is right in the end."""
    word = f"fresh{installation.queue_name}"
    count = make_stale(installation, word)
    before = len(jobs.titled("Reindex /Plone/samples, part"))
    queue = installation.queue_name
    with at_work(Editor(installation)) as editor:
        job_id = installation.admin().get("samples/@@test-queue-reindex", queue=queue).text
        assert 0 < jobs.wait_completed(job_id, within=60).result <= CHUNK
        jobs.wait_idle(queue)
    assert len(jobs.titled("Reindex /Plone/samples, part")) - before >= count // CHUNK - 1
    assert count_titled(installation, word) == count
    assert set(editor.statuses) == {200}
    assert editor.lost == 0
    described = installation.admin().get("samples/folder-01/letter-001.txt/@@test-described").text
    assert json.loads(described) == [editor.text, editor.text]


def test_a_consumer_that_is_killed_in_the_middle_leaves_nothing_out(
    installation: Installation, jobs: Jobs, reindexing: str
) -> None:
    """Each part is done in the end, by another consumer if need be."""
    count = make_stale(installation, "afterwards")
    flags = ("--processes", "0", "--threads", "1")
    doomed = installation.start_zodb_consumer("reindexing-1", *flags, queue=reindexing)
    job_id = installation.admin().get("samples/@@test-queue-reindex", queue=reindexing).text
    wait_for(
        lambda: any(job.state is State.COMPLETED for job in parts(jobs)),
        what="a part to be done",
        within=60,
    )
    freeze(doomed, jobs.engine.url.render_as_string(hide_password=False))
    assert jobs.count_live(reindexing) > 0
    doomed.kill()
    installation.start_zodb_consumer("reindexing-2", queue=reindexing)
    jobs.wait_idle(reindexing)
    assert jobs.get(job_id).state is State.COMPLETED
    done = [jobs.get(job_id), *parts(jobs)]
    assert {job.state for job in done} == {State.COMPLETED}
    assert sum(job.result for job in done) == count
    assert count_titled(installation, "afterwards") == count


def parts(jobs: Jobs) -> list:
    """Return the jobs that reindex a part, on the queue of these tests."""
    return [job for job in jobs.titled("Reindex /Plone/samples, part") if job.queue == "reindexing"]
