"""What is said of a name that no queue has."""

from __future__ import annotations

import pytest

from coserver_consumer.model.queue_name import unknown_queue


def test_of_many_queues_some_are_named():
    """A text isn't a list of a thousand names."""
    text = str(unknown_queue("mial", [f"q{number}" for number in range(30)]))
    assert text.startswith("No queue is called 'mial'; known are: q0, q1, ")
    assert "q19 and 10 more." in text


def test_a_name_with_spaces_is_quoted_for_the_shell():
    """The advice can be copied."""
    assert "`coserver queues add 'my mail'`" in str(unknown_queue("my mail", []))


@pytest.mark.parametrize("name", ["", "a,b", " mail", "a\nb", "x" * 191])
def test_nobody_is_told_to_make_a_queue_that_cannot_be(name):
    """Another program may have written any name; it is shown in one short line."""
    text = str(unknown_queue(name, ["default"]))
    assert text.endswith("; known are: default.")
    assert "\n" not in text
    assert len(text) < 150
