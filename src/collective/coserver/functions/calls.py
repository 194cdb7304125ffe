"""A call of a function as a job's arguments, and back."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from collective.coserver.functions import content
from collective.coserver.functions.content import fill
from collective.coserver.identity.tree import has_path
from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.protocol import codec

Arguments = tuple[tuple[Any, ...], dict[str, Any]]


def pack_arguments(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the arguments of a call, ``args`` and ``kwargs``, for ``fill`` to write as JSON.

    Objects of the site are still themselves, all else is as it is now. Raises ``InvalidJob`` if
    the function can't be called with them, or naming the one that can't be written.
    """
    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
    except TypeError as error:
        raise InvalidJob(f"{function.__qualname__}() can't be called like that: {error}.") from None
    names = _name_positions(bound.signature, len(bound.args))
    return {
        "args": [
            _pack(value, name=f"Argument '{name}'")
            for name, value in zip(names, bound.args, strict=True)
        ],
        "kwargs": {
            name: _pack(value, name=f"Argument '{name}'") for name, value in bound.kwargs.items()
        },
    }


def read_arguments(written: Mapping[str, Any]) -> Arguments:
    """Return the arguments that ``fill`` has written; raise ``ObjectGone``."""
    args = tuple(read(value) for value in written["args"])
    return args, {name: read(value) for name, value in written["kwargs"].items()}


def find_content(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Return the first argument that is an object of the site, None if there is none."""
    return next(filter(has_path, (*args, *kwargs.values())), None)


def write(value: Any, *, name: str) -> Any:
    """Return an argument or result as JSON; raise ``InvalidJob`` naming it."""
    return fill(_pack(value, name=name), settled=True)


def read(written: Any) -> Any:
    """Return the argument or result that ``write`` has written; raise ``ObjectGone``."""
    return codec.decode(written, unpack=content.unpack)


def _pack(value: Any, *, name: str) -> Any:
    return codec.encode(value, name=name, pack=content.pack)


def _name_positions(signature: inspect.Signature, count: int) -> Iterator[str]:
    """Yield what the function calls its first ``count`` arguments; ``*rest`` are rest[0], ..."""
    names = []
    rest = ""
    for parameter in signature.parameters.values():
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            names.append(parameter.name)
        elif parameter.kind is parameter.VAR_POSITIONAL:
            rest = parameter.name
    yield from names[:count]
    yield from (f"{rest}[{at}]" for at in range(count - len(names)))
