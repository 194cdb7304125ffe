"""What a running job tells of itself."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest

from coserver_consumer.errors import InvalidJob
from coserver_consumer.model.report import read_line, read_progress


@pytest.mark.parametrize(
    ("fraction", "told"),
    [(0, 0.0), (1, 1.0), (True, 1.0), (Fraction(1, 4), 0.25), (-3, 0.0), (7, 1.0), (math.inf, 1.0)],
)
def test_progress_is_from_nothing_to_all(fraction, told):
    """Whatever number it is."""
    assert read_progress(fraction, "so far") == (told, "so far")


@pytest.mark.parametrize("fraction", [None, "half", "0.5", b"1", math.nan, object(), 1j])
def test_what_is_no_number_is_no_progress(fraction):
    """It is refused with what was said and what is wanted."""
    with pytest.raises(InvalidJob, match=r"progress is .*, wanted a number from 0 to 1"):
        read_progress(fraction, None)


def test_a_line_is_text():
    """As is what is said of progress: nothing is guessed."""
    assert read_line("a line") == "a line"
    with pytest.raises(InvalidJob, match="The line to log is 5, wanted text"):
        read_line(5)
    with pytest.raises(InvalidJob, match="The text of progress is 5, wanted text"):
        read_progress(0.5, 5)
