"""Who is named as the creator of what a job of the system makes."""

from __future__ import annotations

from typing import Any

from collective.coserver.functions.run_as import SYSTEM, is_system


def name_creator(content: Any, event: Any) -> None:
    """Call the system the creator of content that nobody else is.

    The system user has no id, so Plone would name nobody.
    """
    if is_system() and not content.listCreators():
        content.addCreator(SYSTEM)
