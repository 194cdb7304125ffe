"""As whom a function runs, if not as the user who queued it. Only code can ask for that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from AccessControl import getSecurityManager
from AccessControl.SecurityManagement import newSecurityManager, setSecurityManager
from AccessControl.users import system

from collective.coserver.identity import owner
from collective.coserver.identity.owner import ANONYMOUS, Owner
from collective.coserver.pas.login import require_login
from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.model.exception_text import brief

SYSTEM = "system"
_acting: ContextVar[str | None] = ContextVar("as whom a function runs", default=None)


def to_owner(run_as: str | None, site: Any) -> Owner:
    """Return the owner of a job that is to run as this user; raise ``InvalidJob`` if there is none.

    A job of the system has no owner: that it may do all its signed arguments say.
    """
    if run_as is None:
        return require_login(owner.find_user())
    return ANONYMOUS if run_as == SYSTEM else require_login(find_user(run_as, site))


def find_user(user_id: str, site: Any) -> Any:
    """Return the user of the site or else of Zope's root; raise ``InvalidJob``."""
    places = [] if site is None else [site, site.getPhysicalRoot()]
    for place in places:
        if user := place.acl_users.getUserById(user_id):
            return user
    raise InvalidJob(f"No user has the id {brief(user_id)}, so no job can run as that user.")


@contextmanager
def acting_as(run_as: str | None, site: Any) -> Iterator[None]:
    """Give the block the rights of the system or of another user; None changes nothing."""
    before = getSecurityManager()
    if run_as is not None:
        user = system if run_as == SYSTEM else find_user(run_as, site)
        newSecurityManager(None, user)
    token = _acting.set(run_as)
    try:
        yield
    finally:
        _acting.reset(token)
        setSecurityManager(before)


def is_system() -> bool:
    """True within a function that runs as the system."""
    return _acting.get() == SYSTEM
