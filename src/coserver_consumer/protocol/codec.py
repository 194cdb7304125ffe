"""Values as JSON and back: what a function's arguments and results may be. Pure.

JSON's own types stand for themselves. Any other is a mapping ``{"$": kind, "value": ...}``:

========= ==================================================================
kind      value
========= ==================================================================
bytes     Base64 (RFC 4648)
date      ISO 8601
datetime  ISO 8601 with the offset if it has one, and the zone's name or null
decimal   text
dict      pairs of key and value: a mapping that has a key ``$`` itself
frozenset items
set       items
timedelta days, seconds and microseconds
tuple     items
uuid      text
========= ==================================================================

The type must be exactly one of these: nobody could tell what a subclass would lose. A caller who
knows more kinds passes a ``Pack`` that writes them and an ``Unpack`` that reads them.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from types import NoneType
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.model.exception_text import brief, words

KIND, VALUE = "$", "value"
MAX_INTEGER_BITS = 14_000  # Python reads 4,300 digits, and json no more
NOT_KEPT = "not kept"  # stands for a result that is too large; its value says so
dump_json = json.JSONEncoder(allow_nan=False).encode  # json.dumps would make one each time

Pack = Callable[[Any], tuple[str, Any] | None]
"""Returns the kind of a value and its JSON, None for a value of no kind that it knows.

Instead of JSON it may return something that the caller replaces by JSON before it is written.
"""

Unpack = Callable[[str, Any], Any]
"""Returns the value of a kind and its JSON."""


def encode(value: Any, *, name: str, pack: Pack | None = None) -> Any:
    """Return the value as JSON; raise ``InvalidJob`` naming the part that can't be written.

    ``name`` is what the value is called in that message.
    """
    try:
        return _Encoder(pack or _pack_nothing).encode(value, name)
    except RecursionError:
        raise InvalidJob(f"{name} is nested too deeply, or holds itself.") from None


def decode(written: Any, *, unpack: Unpack | None = None) -> Any:
    """Return the value that ``encode`` has written; raise ``InvalidJob`` for an unknown kind."""
    return _Decoder(unpack or _refuse).decode(written)


def find_foreign(written: Any) -> Any:
    """Return a kind of value that ``decode`` can't read without an ``Unpack``, None if none is."""
    level = [written]
    while level:
        value = level.pop()
        if isinstance(value, list):
            level += value
        elif isinstance(value, dict):
            if KIND in value and not _is_own(value[KIND]):
                return value[KIND]
            level += value.values()
    return None


def _is_own(kind: Any) -> bool:
    return isinstance(kind, str) and (kind in READERS or kind in COLLECTIONS)


def cap_result(result: Any, limit: int) -> Any:
    """Return the result, or a note in its place unless it is JSON of up to ``limit`` characters."""
    return None if result is None else json.loads(dump_result(result, limit))


def dump_result(result: Any, limit: int) -> str:
    """Return the JSON of what ``cap_result`` returns."""
    try:
        text = dump_json(result)
    except (TypeError, ValueError) as error:
        return dump_json(not_kept(f"it isn't JSON: {error}"))
    if len(text) <= limit:
        return text
    return dump_json(not_kept(f"it has {len(text)} characters, {limit} are kept"))


def not_kept(why: str) -> dict[str, str]:
    """Return the note that stands for a result which isn't kept: the work itself is done."""
    return {KIND: NOT_KEPT, VALUE: why}


def why_not_kept(result: Any) -> str | None:
    """Return what the note says, None if this is a result and no note."""
    if not isinstance(result, dict) or result.get(KIND) != NOT_KEPT:
        return None
    return str(result.get(VALUE))


def in_order(items: Iterable[Any]) -> list[Any]:
    """Return the items of a set in a fixed order, so that equal sets are written alike.

    Items that aren't JSON yet have no place in that order; the caller sorts again once they are.
    """
    return sorted(items, key=lambda item: json.dumps(item, sort_keys=True, default=_no_place))


def _no_place(value: Any) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class _Encoder:
    pack: Pack

    def encode(self, value: Any, name: str) -> Any:
        write: Writer = WRITERS.get(type(value), _Encoder.foreign)
        return write(self, value, name)

    def itself(self, value: Any, name: str) -> Any:
        return value

    def whole(self, value: int, name: str) -> int:
        if value.bit_length() <= MAX_INTEGER_BITS:
            return value
        raise InvalidJob(f"{name} is a number of more than 4,000 digits; pass it as text.")

    def number(self, value: float, name: str) -> float:
        if math.isfinite(value):
            return value
        raise InvalidJob(f"{name} is {value}, which JSON doesn't know.")

    def items(self, values: Iterable[Any], name: str) -> list[Any]:
        return [self.encode(value, f"{name}[{at}]") for at, value in enumerate(values)]

    def mapping(self, value: dict[Any, Any], name: str) -> dict[str, Any]:
        for key in value:
            if type(key) is not str:
                raise InvalidJob(f"{name} has the key {brief(key)}; keys must be text.")
        written = {key: self.encode(item, f"{name}[{key!r}]") for key, item in value.items()}
        return written if KIND not in value else _tagged("dict", [*map(list, written.items())])

    def many(self, value: Any, name: str) -> dict[str, Any]:
        return _tagged(type(value).__name__, self.items(value, name))

    def unordered(self, value: Any, name: str) -> dict[str, Any]:
        return _tagged(type(value).__name__, in_order(self.items(value, name)))

    def scalar(self, value: Any, name: str) -> dict[str, Any]:
        try:
            return _tagged(type(value).__name__.lower(), SCALARS[type(value)](value))
        except Exception as error:  # a zone is anybody's code
            raise InvalidJob(
                f"{name} can't be written: {type(value).__name__}, {words(error)}."
            ) from error

    def foreign(self, value: Any, name: str) -> dict[str, Any]:
        packed = self.pack(value)
        if packed is None:
            raise InvalidJob(
                f"{name} is of type {type(value).__module__}.{type(value).__qualname__}, which "
                "can't be written as JSON. Pass text, numbers, dates, lists and the like, or the "
                "id of what holds the data."
            )
        return _tagged(*packed)


def _pack_nothing(value: Any) -> None:
    """Know no further kind."""


def _tagged(kind: str, value: Any) -> dict[str, Any]:
    return {KIND: kind, VALUE: value}


def _from_datetime(value: datetime) -> list[str | None]:
    return [value.isoformat(), _name_zone(value.tzinfo)]


def _name_zone(zone: Any) -> str | None:
    """Return the name by which a zone can be found again, None for an offset and the like."""
    if not isinstance(zone, ZoneInfo) or zone.key is None:
        return None
    try:
        return ZoneInfo(zone.key).key
    except (ZoneInfoNotFoundError, ValueError):
        return None


SCALARS: dict[type, Callable[[Any], Any]] = {
    bytes: lambda value: base64.b64encode(value).decode("ascii"),
    date: date.isoformat,
    datetime: _from_datetime,
    Decimal: str,
    timedelta: lambda value: [value.days, value.seconds, value.microseconds],
    UUID: str,
}
Writer = Callable[[_Encoder, Any, str], Any]
WRITERS: dict[type, Writer] = {
    **dict.fromkeys((NoneType, bool, str), _Encoder.itself),
    int: _Encoder.whole,
    float: _Encoder.number,
    list: _Encoder.items,
    dict: _Encoder.mapping,
    tuple: _Encoder.many,
    **dict.fromkeys((set, frozenset), _Encoder.unordered),
    **dict.fromkeys(SCALARS, _Encoder.scalar),
}


@dataclass(frozen=True, slots=True)
class _Decoder:
    unpack: Unpack

    def decode(self, written: Any) -> Any:
        if isinstance(written, list):
            return [self.decode(item) for item in written]
        if not isinstance(written, dict):
            return written
        if KIND in written:
            return self.tagged(written[KIND], written.get(VALUE))
        return {key: self.decode(item) for key, item in written.items()}

    def tagged(self, kind: str, value: Any) -> Any:
        if kind in READERS:
            return READERS[kind](value)
        if kind in COLLECTIONS:
            return COLLECTIONS[kind](self.decode(value))
        return self.unpack(kind, value)


def _to_datetime(value: list[Any]) -> datetime:
    text, zone = value
    moment = datetime.fromisoformat(text)
    return moment if zone is None else _in_zone(moment, ZoneInfo(zone))


def _in_zone(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return the moment in the zone.

    The zone's clocks show it as it was written, since at the ends of the calendar there is no way
    over UTC; unless the rules of the zone have changed since.
    """
    for fold in (0, 1):
        found = moment.replace(tzinfo=zone, fold=fold)
        if found.utcoffset() == moment.utcoffset():
            return found
    return moment.astimezone(zone)


def _refuse(kind: str, value: Any) -> Any:
    raise InvalidJob(f"No kind of value is called {kind!r}.")


READERS: dict[str, Callable[[Any], Any]] = {
    "bytes": lambda value: base64.b64decode(value, validate=True),
    "date": date.fromisoformat,
    "datetime": _to_datetime,
    "decimal": Decimal,
    "timedelta": lambda value: timedelta(*value),
    "uuid": UUID,
}
COLLECTIONS: dict[str, Callable[[Any], Any]] = {
    "dict": dict,
    "frozenset": frozenset,
    "set": set,
    "tuple": tuple,
}
