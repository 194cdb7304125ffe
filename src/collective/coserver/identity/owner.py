"""To whom a job belongs: the user as whom it runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from AccessControl import getSecurityManager
from AccessControl.users import SpecialUser, UnrestrictedUser
from Acquisition import aq_base, aq_inner, aq_parent

from collective.coserver.identity.sent_request import find_sent_request
from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.model.job import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A user's id and the physical path of the user folder that knows it; None is Anonymous."""

    id: str | None = None
    folder: str | None = None


ANONYMOUS = Owner()


def current_owner() -> Owner:
    """Return whose the jobs are that are queued now; raise ``InvalidJob`` for one without a folder.

    That is the user whom the current request has logged in, whatever user the code acts as. In a
    script, where nobody has sent a request, it is the user who is logged in.
    """
    user = find_user()
    return ANONYMOUS if user is None else owner_of(user)


def find_user() -> Any:
    """Return the user of ``current_owner``, None for Anonymous and for users in no user folder.

    The latter are the system, the emergency user, and users that code makes up to have more rights.
    """
    request = find_sent_request()
    if request is None:
        return _find_user_of_script()
    user = request.other.get("AUTHENTICATED_USER")  # request.get would look into the form
    return None if user is None or isinstance(aq_base(user), SpecialUser) else user


def owner_of_job(job: Job) -> Owner:
    """Return the owner that the job names; only its signature can prove it."""
    origin = job.origin if isinstance(job.origin, dict) else {}
    return Owner(id=job.owner, folder=origin.get("user_folder"))


def owner_of(user: Any) -> Owner:
    """Return the user as an owner."""
    user_id = user.getId()
    if user_id is None:
        return ANONYMOUS
    folder = aq_parent(aq_inner(user))
    if folder is None:
        raise InvalidJob(
            f"User '{user_id}' comes without its user folder, so no job can run as it. "
            "Log in what acl_users.getUserById() returns."
        )
    return Owner(id=user_id, folder="/".join(folder.getPhysicalPath()))


def _find_user_of_script() -> Any:
    """Return who is logged in; for an ``UnrestrictedUser`` the real user of the same name.

    A script has all rights, so it may name whom it likes; its jobs have those of a real user only.
    """
    user = getSecurityManager().getUser()
    if isinstance(aq_base(user), UnrestrictedUser):
        return next(_namesakes(user), None)
    return None if isinstance(aq_base(user), SpecialUser) else user


def _namesakes(user: Any) -> Iterator[Any]:
    """Yield the users whose name an unrestricted user bears, those of its own folder first."""
    name = user.getUserName()
    folder = aq_parent(aq_inner(user))
    while folder is not None:
        for find in (folder.getUserById, folder.getUser):
            if real := find(name):
                yield real
        folder = _folder_above(folder)


def _folder_above(folder: Any) -> Any:
    """Return the user folder of the place above that of ``folder``."""
    above = aq_parent(aq_parent(aq_inner(folder)))
    found = getattr(above, "acl_users", None)
    return None if found is None or aq_base(found) is aq_base(folder) else found
