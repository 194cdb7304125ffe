"""Background jobs for Plone in an SQL database.

``from collective.coserver import queue`` to queue views, ``import task`` to make functions jobs,
``import current_job`` in what a job runs.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collective.coserver.functions.task import task
    from collective.coserver.publication.current_job import current_job

__all__ = ["current_job", "task"]


def __getattr__(name: str) -> Any:
    """Load a name when it is asked for: the buildout recipe runs where no Zope is."""
    if name == "current_job":
        from collective.coserver.publication.current_job import current_job

        return current_job
    if name == "task":
        from collective.coserver.functions.task import task

        return task
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
