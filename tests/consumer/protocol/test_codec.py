"""Values as JSON and back."""

from __future__ import annotations

import json
from collections import OrderedDict
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import IntEnum
from pathlib import Path
from uuid import UUID
from zoneinfo import TZPATH, ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coserver_consumer.errors import InvalidJob
from coserver_consumer.protocol.codec import cap_result, decode, encode, why_not_kept

ZONES = st.sampled_from([UTC, ZoneInfo("Europe/Berlin"), timezone(timedelta(minutes=-210))])
HASHABLE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
    st.binary(),
    st.uuids(),
    st.decimals(allow_nan=False),
    st.dates(),
    st.datetimes(),
    st.datetimes(timezones=ZONES),
    st.timedeltas(),
)
KEYS = st.text() | st.just("$")
VALUES = st.recursive(
    HASHABLE | st.sets(HASHABLE) | st.frozensets(HASHABLE),
    lambda inner: (
        st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(KEYS, inner, max_size=5)
    ),
    max_leaves=10,
)


def shape(value):
    """Return the value's types, all the way down, since 1 == True == 1.0."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value), [shape(item) for item in value]
    if isinstance(value, set | frozenset):
        return type(value), {(type(item), item) for item in value}
    return type(value)


def test_an_hour_that_the_clocks_skip_comes_back_as_the_same_moment():
    """There was no two o'clock in that night."""
    skipped = datetime(2000, 3, 26, 2, tzinfo=ZoneInfo("Europe/Berlin"))
    [back] = decode(encode([skipped], name="x"))
    assert back.astimezone(UTC) == skipped.astimezone(UTC)


def test_a_zone_whose_rules_have_changed_keeps_the_moment():
    """It was written before by who knew other rules."""
    written = {"$": "datetime", "value": ["2026-11-21T08:00:00+05:00", "Europe/Berlin"]}
    assert decode(written) == datetime(2026, 11, 21, 3, tzinfo=UTC)


@given(VALUES)
def test_a_value_comes_back_as_it_was(value):
    """By way of JSON text, with its types."""
    written = json.dumps(encode(value, name="it"), allow_nan=False)
    back = decode(json.loads(written))
    assert back == value
    assert shape(back) == shape(value)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"a": [1, None]}, {"a": [1, None]}),
        (b"\x00", {"$": "bytes", "value": "AA=="}),
        (date(2026, 11, 21), {"$": "date", "value": "2026-11-21"}),
        (
            datetime(2026, 11, 21, 8, tzinfo=ZoneInfo("Europe/Berlin")),
            {"$": "datetime", "value": ["2026-11-21T08:00:00+01:00", "Europe/Berlin"]},
        ),
        (timedelta(1, 2, 3), {"$": "timedelta", "value": [1, 2, 3]}),
        (Decimal("1.50"), {"$": "decimal", "value": "1.50"}),
        ((1, 2), {"$": "tuple", "value": [1, 2]}),
        ({"b", "a"}, {"$": "set", "value": ["a", "b"]}),
        (UUID(int=7), {"$": "uuid", "value": "00000000-0000-0000-0000-000000000007"}),
        ({"$": "set"}, {"$": "dict", "value": [["$", "set"]]}),
    ],
)
def test_each_kind_is_written_as_documented(value, written):
    """Other programs may queue such jobs and read such results."""
    assert encode(value, name="it") == written


def test_a_zone_outlasts_its_offset():
    """A day later in Berlin may be 25 hours later: the name says so, an offset wouldn't."""
    eve = datetime(2026, 10, 24, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    back = decode(encode(eve, name="eve"))
    assert (back + timedelta(days=1)).utcoffset() == timedelta(hours=1)


@pytest.mark.parametrize("fold", [0, 1])
def test_the_hour_that_comes_twice_is_told_apart(fold):
    """When the clocks are set back."""
    twice = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=fold)
    assert decode(encode(twice, name="it")).utcoffset() == twice.utcoffset()


class Colour(IntEnum):
    """A subclass of a type that JSON knows."""

    RED = 1


class Unbounded(tzinfo):
    """A zone that can't tell its offset at the ends of the calendar, as those of libraries."""

    def utcoffset(self, moment):
        """Say so."""
        raise OverflowError("no further")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (object(), r"preset is of type builtins\.object"),
        ({"a": [1, object()]}, r"preset\['a'\]\[1\] is of type"),
        (Colour.RED, "Colour"),
        (OrderedDict(), "OrderedDict"),
        (float("nan"), "preset is nan"),
        ([float("inf")], r"preset\[0\] is inf"),
        ({1: 2}, "preset has the key 1; keys must be text"),
        ({10**5000}, r"preset\[0\] is a number of more than 4,000 digits; pass it as text"),
        (datetime.max.replace(tzinfo=Unbounded()), "preset can't be written: datetime, no further"),
    ],
)
def test_what_cannot_be_written_is_named(value, said):
    """With its place; a subclass is refused, because it wouldn't come back as one."""
    with pytest.raises(InvalidJob, match=said):
        encode(value, name="preset")


def test_what_holds_itself_is_refused():
    """It has no end."""
    value = []
    value.append(value)
    with pytest.raises(InvalidJob, match="holds itself"):
        encode(value, name="preset")


def test_a_zone_that_has_no_name_everybody_knows_comes_back_as_an_offset():
    """It may be read from a file; its name would fail each attempt."""
    [path] = [Path(place) / "Europe/Berlin" for place in TZPATH if Path(place).is_dir()][:1]
    for key in (None, "Europe/Berlin", "Middle-earth/Bree"):
        with path.open("rb") as file:
            zone = ZoneInfo.from_file(file, key=key)
        moment = datetime(2026, 11, 21, 8, tzinfo=zone)
        assert decode(encode(moment, name="it")) == moment


def test_a_set_may_hold_what_is_made_json_later():
    """As objects of the site are, whose place is known when the transaction commits."""
    written = encode({1j, 2}, name="it", pack=lambda value: ("complex", value))
    assert {"$": "complex", "value": 1j} in written["value"]


def test_others_may_add_kinds():
    """As the add-on does for content objects."""
    written = encode([1j], name="it", pack=lambda value: ("complex", [value.real, value.imag]))
    assert written == [{"$": "complex", "value": [0.0, 1.0]}]
    assert decode(written, unpack=lambda kind, value: complex(*value)) == [1j]


def test_an_unknown_kind_is_refused():
    """A newer program may have written it."""
    with pytest.raises(InvalidJob, match="'complex'"):
        decode({"$": "complex", "value": 1})


@pytest.mark.parametrize("moment", [datetime.min, datetime.max])  # noqa: DTZ901  zones follow
def test_the_ends_of_the_calendar_come_back(moment):
    """As people write "for ever"; what can be queued can be read."""
    for zone in (ZoneInfo("Pacific/Auckland"), ZoneInfo("America/New_York")):
        value = moment.replace(tzinfo=zone)
        assert decode(encode(value, name="until")) == value


@pytest.mark.parametrize(
    ("result", "why"),
    [
        (None, None),
        ([1, 2, 3], None),
        ([1, 2, 34], "it has 10 characters, 9 are kept"),
        (float("nan"), "it isn't JSON: Out of range float values are not JSON compliant"),
        ({1}, "it isn't JSON: Object of type set is not JSON serializable"),
    ],
)
def test_of_a_result_that_is_not_kept_a_note_says_why(result, why):
    """Whoever asks for it learns that; nothing fits always."""
    capped = cap_result(result, 9)
    assert why_not_kept(capped) == why
    assert why is not None or capped == result
    assert cap_result(None, 1) is None
