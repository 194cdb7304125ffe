"""What a shell offers when somebody presses the tab key after ``coserver ...``."""

from __future__ import annotations

import subprocess

import pytest

from coserver_consumer import store


@pytest.fixture
def complete(call):
    """Return what bash would be told for a line, whose last word is to be completed."""

    def ask(url, line):
        words = line.split(" ")
        done = call(
            url,
            _COSERVER_COMPLETE="bash_complete",
            COMP_WORDS=line,
            COMP_CWORD=str(len(words) - 1),
        )
        return [each.removeprefix("plain,") for each in done.stdout.split()]

    return ask


def test_bash_can_read_the_script(sqlite_url, call):
    """What the manual has people evaluate."""
    script = call(sqlite_url, _COSERVER_COMPLETE="bash_source").stdout
    assert "_coserver_completion" in script
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("coserver do", ["doctor"]),
        ("coserver jobs re", ["result", "retry"]),
        ("coserver jobs list --sta", ["--state"]),
        ("coserver jobs list --state fa", ["failed"]),
        ("coserver add ht", ["http"]),
        ("coserver add http --queue de", ["default"]),
        ("coserver run --queues ", ["default"]),
        ("coserver limits remove ", ["*"]),
    ],
)
def test_commands_options_and_names_are_offered(sqlite_url, complete, line, offered):
    """Those that begin so."""
    assert complete(sqlite_url, line) == offered


def test_ids_are_offered_by_their_beginning_and_their_end(sqlite_url, sqlite_client, complete):
    """The end is what a list shows."""
    first, second = sqlite_client.add("test"), sqlite_client.add("test")
    assert complete(sqlite_url, "coserver jobs show 0") == [second, first]
    assert complete(sqlite_url, f"coserver why {first[-8:]}") == [first]


def test_a_database_that_is_not_there_offers_nothing(complete, tmp_path):
    """A shell has no place for an error."""
    engine = store.open_engine(url := f"sqlite:///{tmp_path / 'empty.sqlite'}")
    engine.dispose()
    assert complete(url, "coserver jobs show 0") == []
    assert complete("postgresql://127.0.0.1:1/none", "coserver add http --queue de") == []
