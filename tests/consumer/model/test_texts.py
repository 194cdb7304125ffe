"""Texts made fit to be stored, logged and shown."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coserver_consumer.errors import InvalidJob
from coserver_consumer.model import texts
from coserver_consumer.model.lifecycle import Ending, State
from coserver_consumer.runtime.logs import job_logs, log_output
from coserver_consumer.store.enqueue.validation import check_job
from support.new_jobs import make_new

FORGED = "harmless\n2026-01-01 00:00:00,000 INFO Job 1 completed\x1b[31m\r\x85\u2028"
ANYTHING = st.text(st.characters(exclude_categories=()), max_size=60)


@given(ANYTHING)
def test_what_was_made_storable_can_be_written_anywhere(text):
    """No NUL and no lone surrogate is left; a text that was fit stays to the letter."""
    fit = texts.make_storable(text)
    fit.encode("utf-8")
    assert "\0" not in fit
    assert texts.is_storable(fit)
    assert fit == text or not texts.is_storable(text)


@given(ANYTHING)
def test_a_line_is_one_line(text):
    """Whatever somebody takes for the end of a line or for a command to a terminal is gone."""
    line = texts.make_line(text)
    assert len(line.splitlines()) <= 1
    assert line.isprintable() or all(at == " " or not at.isspace() for at in line)
    line.encode("utf-8")


@given(ANYTHING)
def test_a_visible_text_hides_nothing(text):
    """What was wrong in it can be seen in a message; a text that could be seen is as it was."""
    shown = texts.make_visible(text)
    assert shown.isprintable()
    assert shown == text or not text.isprintable()
    assert texts.make_visible("/Plone\n/a \xa0\0\udcff") == r"/Plone\n/a \xa0\x00\udcff"


def test_a_lone_surrogate_is_kept_as_its_escape():
    """It tells which byte of a file's name it was."""
    assert texts.make_storable("caf\udce9.txt\0") == "caf\\udce9.txt\N{REPLACEMENT CHARACTER}"


def test_a_text_is_cut_at_its_limit():
    """With dots that say so."""
    assert texts.make_storable("x" * 50, 10) == "xxxxxxx..."
    assert texts.make_line("a\nb" * 50, 10) == "a ba ba..."


def test_lines_are_indented_behind_the_first():
    """So a text of several lines looks like none of the others."""
    assert texts.make_lines("a\r\n\tb\x1b", "  ") == "a\n  \tb\\x1b"


def test_a_title_forges_no_line_of_the_log(make_job, caplog):
    """It is written as one line, whatever it holds."""
    job = make_job(title=FORGED)
    assert len(job.name.splitlines()) == 1
    assert "\x1b" not in job.name


def test_a_job_is_named_where_objects_are_shown(make_job):
    """As in the log of an error page; what it holds is nobody's who reads that."""
    shown = repr(make_job(args={"password": "hunter2"}, payload=b"hunter2", signature="hunter2"))
    assert "test" in shown
    assert "hunter2" not in shown


@pytest.mark.usefixtures("logging_as_before")
@pytest.mark.parametrize("where", ["title", "error"])
def test_a_record_of_the_log_begins_one_line(where, make_job, capsys):
    """What follows is indented: nobody takes it for a record."""
    log_output.configure("debug")
    job = make_job(title=FORGED if where == "title" else "t")
    failed = Ending(job.key, State.FAILED, error=FORGED)
    job_logs.claimed([job])
    job_logs.hangs(job)
    job_logs.ended(job, failed, 1.0)
    logging.getLogger("another").warning("%s", FORGED)
    lines = capsys.readouterr().err.splitlines()
    assert lines
    assert not any("completed" in line and line.startswith("2026-01-01") for line in lines)
    assert not any(at in line for at in "\x1b\r\x85\u2028" for line in lines)


@pytest.mark.parametrize("name", ["task", "queue", "owner", "site", "title", "unique"])
@pytest.mark.parametrize("text", ["a\0b", "a\udce4b"])
def test_a_name_that_no_database_holds_is_refused(name, text):
    """With words, when the job is queued."""
    with pytest.raises(InvalidJob, match=f"{name} has a (NUL|lone surrogate)"):
        check_job(make_new(**{name: text}))
