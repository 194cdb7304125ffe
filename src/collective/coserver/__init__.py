"""Background jobs for Plone in an SQL database.

``from collective.coserver import queue`` to queue jobs, ``from collective.coserver import
current_job`` in a view that a job runs.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    """Load ``current_job`` when it is asked for: the buildout recipe runs where no Zope is."""
    if name == "current_job":
        from collective.coserver.current import current_job

        return current_job
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
