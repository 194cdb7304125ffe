"""Texts that come back from the database as they were written, or at least come back."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from coserver_consumer.errors import InvalidJob, SchemaError
from coserver_consumer.model.job import State
from coserver_consumer.model.lifecycle import Ending
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.store.schema import tables
from support.databases import DATABASES, fresh_database, only_on, upgrade

ODD = "caf\udce9 \N{GRINNING FACE} \0 \N{EURO SIGN} \x1b[31m"
FIT = "caf\\udce9 \N{GRINNING FACE} \N{REPLACEMENT CHARACTER} \N{EURO SIGN} \x1b[31m"
ARGS = {"to": ODD, ODD: [ODD, {"deep": "\ud83d"}]}
NARROW = {"mysql": ("latin1", "utf8mb3"), "postgresql": ("LATIN1", "SQL_ASCII")}


@pytest.fixture(params=[(kind, name) for kind in DATABASES for name in NARROW.get(kind, ())])
def narrow_url(request, tmp_path):
    """The URL of a database whose own character set doesn't hold every character."""
    kind, charset = request.param
    with fresh_database(kind, tmp_path, charset=charset) as url:
        yield url


def write_odd_texts(queue):
    """Run jobs that say odd things wherever a job can say something; return their ids."""
    failing, completing, cancelled = (queue.put(args=ARGS) for _ in range(3))
    jobs = {job.id: job for job in queue.take(3)}
    assert all(job.args == ARGS for job in jobs.values())
    assert queue.report(jobs[failing].key, 0.5, ODD)
    assert queue.get(failing).progress_text == FIT
    assert queue.add_line(jobs[failing].key, ODD)
    endings = [
        Ending(jobs[failing].key, State.FAILED, error=ODD, traceback=ODD),
        Ending(jobs[completing].key, State.COMPLETED, result={"said": ODD}),
        Ending(jobs[cancelled].key, State.CANCELLED, error=ODD),
    ]
    assert set(queue.end_attempts(endings)) == {job.key for job in jobs.values()}
    return failing, completing, cancelled


def check_odd_texts(queue):
    """Hold what the database has of them against what they said."""
    failing, completing, cancelled = write_odd_texts(queue)
    assert queue.get(failing).error == queue.get(cancelled).error == FIT
    [attempt] = queue.attempts(failing)
    assert (attempt.error, attempt.traceback) == (FIT, FIT)
    assert [line.text for line in queue.lines(failing)] == [FIT]
    assert queue.get(completing).result == {"said": ODD}  # JSON has escapes for all of it


def test_whatever_a_job_says_is_kept(queue):
    """Nothing of it fails the job or is refused."""
    check_odd_texts(queue)


def test_a_database_of_another_character_set_keeps_it_too(narrow_url, make_queue):
    """On MariaDB the tables say their own; PostgreSQL's databases have one, which must do."""
    if narrow_url.startswith("postgresql"):
        with pytest.raises(SchemaError, match=r"encoding (LATIN1|SQL_ASCII).*ENCODING 'UTF8'"):
            upgrade(narrow_url)
        return
    upgrade(narrow_url)
    check_odd_texts(make_queue(narrow_url))


@pytest.mark.parametrize("door", ["add", "add_many", "stage"])
def test_arguments_are_kept_to_the_letter_at_every_door(queue, door):
    """JSON has an escape for each character, also for those that no text column holds."""
    jobs = [NewJob(task="t", args=ARGS, origin={"x": ODD}) for _ in range(3)]
    match door:
        case "add":
            ids = [queue.add(job) for job in jobs]
        case "add_many":
            ids = queue.add_many(jobs)
        case "stage":
            queue.stage(jobs, batch=jobs[0].id, evidence={"x": ODD})
            queue.promote(jobs[0].id, tid=None)
            ids = [job.id for job in jobs]
    for job_id in ids:
        job = queue.get(job_id)
        assert (job.args, job.origin) == (ARGS, {"x": ODD})
    assert len(queue.take(3)) == 3


NAMES = ["mail a", "mail a ", "mail A", "mail \N{LATIN SMALL LETTER A WITH ACUTE}", " mail a"]


def test_unique_keys_are_compared_to_the_letter(queue):
    """A space at the end, a capital, an accent: all of it is another key."""
    ids = [queue.put(unique=name) for name in NAMES]
    assert len(set(ids)) == len(NAMES)
    assert [queue.put(unique=name) for name in NAMES] == ids


def test_ended_unique_keys_are_compared_to_the_letter(queue):
    """Also for as long as a key is held after its job has ended."""
    queue.put(unique="mail a", unique_for=3600)
    (job,) = queue.take()
    queue.end_attempts([Ending(job.key, State.COMPLETED)])
    assert queue.put(unique="mail a", unique_for=3600) == job.id
    assert queue.put(unique="mail a ", unique_for=3600) != job.id


def test_concurrency_keys_are_compared_to_the_letter(queue):
    """One job of each runs."""
    for name in NAMES:
        queue.put(limit=name)
        queue.put(limit=name)
    assert sorted(job.concurrency_key for job in queue.take(20)) == sorted(NAMES)


def test_queues_are_compared_to_the_letter(queue):
    """Another program may make any; who serves one isn't given the jobs of others."""
    with queue.engine.begin() as connection:
        connection.execute(sa.insert(tables.queue), [{"name": name} for name in NAMES])
    for name in NAMES:
        queue.put(queue=name)
    assert [job.queue for job in queue.take(9, queues=["mail a"])] == ["mail a"]
    queue.pause("mail a ")
    assert [job.queue for job in queue.take(9, queues=["mail A", "mail a "])] == ["mail A"]


@only_on("mysql")
def test_states_are_compared_to_the_letter(queue):
    """Or a row would be ready for the database and nothing for us."""
    for state in ("READY", "ready "):
        with pytest.raises(sa.exc.DBAPIError, match="state_is_live"), queue.engine.begin() as one:
            one.exec_driver_sql(f"INSERT INTO coserver_job (task, state) VALUES ('t', '{state}')")


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[31m", "a\u2028b", "a\0", "a\udce4"])
def test_a_queue_is_named_by_printable_characters(queue, name):
    """It is shown in terminals and written into logs."""
    with pytest.raises(InvalidJob, match="can't name a queue"):
        queue.add_queue(name)
