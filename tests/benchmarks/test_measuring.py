"""The instruments of the benchmarks: wrong ones would be worse than none."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import document, goals, record
from benchmarks.figures import percentile, summarize
from benchmarks.outcome import Outcome
from benchmarks.peers import marks
from benchmarks.wire import Count, Reader

REPOSITORY = Path(__file__).parents[2]
STARTUP = (8).to_bytes(4, "big") + (196608).to_bytes(4, "big")


def message(kind: bytes, text: bytes) -> bytes:
    """Return a message of PostgreSQL's protocol."""
    return kind + (len(text) + 4).to_bytes(4, "big") + text


@pytest.mark.parametrize("portion", [1, 7, 1000])
def test_statements_are_counted_however_they_are_cut(portion):
    """Simple and prepared statements count once; BEGIN, COMMIT and preparing don't."""
    sent = STARTUP + b"".join(
        [
            message(b"Q", b"BEGIN\0"),
            message(b"Q", b"SELECT 1\0"),
            message(b"P", b"\0SELECT 2\0\0\0"),
            message(b"E", b"\0\0\0\0\0"),
            message(b"S", b""),
            message(b"Q", b"COMMIT\0"),
        ]
    )
    count = Count()
    reader = Reader(count)
    for start in range(0, len(sent), portion):
        reader.feed(sent[start : start + portion])
    assert count.statements == 2


def test_marks_count_what_ran_since_they_were_told_to_forget(tmp_path, monkeypatch):
    """The number, the first and the last start, and the waits of jobs that say when they left."""
    monkeypatch.setattr(marks, "_marker", None)
    monkeypatch.setenv(marks.PLACE, str(tmp_path))
    marks.perform({})
    marks.forget(tmp_path)
    for _ in range(3):
        marks.perform({"sent": 0.0})
    found = marks.read(tmp_path)
    assert found.jobs == 3
    assert 0 < found.first <= found.last
    assert marks.read_waits(tmp_path)[-1] == found.last


def test_a_goal_is_judged_by_the_ratio_of_medians():
    """At least 0.6 of the ceiling: 700 of 1000 is, and what wasn't measured isn't judged."""
    drain = Outcome(title="", unit="")
    drain.figures = {
        "coserver on PostgreSQL": {"1 process": summarize([1, 700, 900])},
        "ceiling on PostgreSQL": {"1 process": summarize([1000])},
    }
    verdict = goals.judge({"drain": Outcome.from_json(drain.as_json())})[0]
    assert (verdict["value"], verdict["reached"]) == (0.7, True)


def test_the_page_says_what_is_published():
    """Nobody has mended a figure by hand."""
    page = document.PAGE.read_text()

    assert document.write_page(page) == page


def test_what_was_not_measured_again_stays_published(tmp_path):
    """Each benchmark's figures are of one run: new ones replace all old ones of theirs."""
    measured, published = tmp_path / "measured.json", tmp_path / "published.json"
    published.write_text('{"benchmarks": {"drain": {"a": 1, "b": 2}, "held": {"a": 3}}}')
    measured.write_text('{"benchmarks": {"drain": {"a": 4}}}')

    record.publish(measured, published)

    assert record.load(published)["benchmarks"] == {"drain": {"a": 4}, "held": {"a": 3}}


def test_a_percentile_is_one_of_the_measured_values():
    """Of a hundred values the 99th percentile is the last but none, the 50th the one after half."""
    assert percentile(range(100), 99) == 99
    assert percentile(range(100), 50) == 50


def test_a_contestant_is_run_from_start_to_end(tmp_path):
    """The command drains a queue on SQLite with a real consumer and keeps what it found."""
    file = tmp_path / "figures.json"
    flags = ["--quick", "--only", "coserver on SQLite"]
    subprocess.run(
        [sys.executable, "-m", "benchmarks", "drain", *flags, "--json", str(file)],
        cwd=REPOSITORY,
        env={key: value for key, value in os.environ.items() if key != "COSERVER_CONFIG"},
        check=True,
        timeout=200,
    )
    found = json.loads(file.read_text())["benchmarks"]["drain"]
    assert not found["not_measured"]
    assert found["figures"]["coserver on SQLite"]["1 process"]["median"] > 50
