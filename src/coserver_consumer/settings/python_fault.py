"""A version of Python in which Plone can't do its work."""

from __future__ import annotations

import io
import pickle
import platform

ADVICE = "Take Python 3.13.1 or later"


def find_fault() -> str | None:
    """Return what is wrong with this Python, None if nothing is.

    In Python 3.13.0 no pickler can be given a ``persistent_id``
    (github.com/python/cpython/issues/125631), as Products.CMFEditions does to copy what it keeps.
    """
    try:
        pickle.Pickler(io.BytesIO()).persistent_id = lambda _: None  # type: ignore[method-assign]
    except AttributeError:
        version = platform.python_version()
        return f"Python {version} can't keep versions of content: persistent_id is read-only in it"
    return None
