"""Whether a job could log a user in."""

from __future__ import annotations

from typing import Any

from Acquisition import aq_base, aq_inner, aq_parent

from collective.coserver.identity.owner import ANONYMOUS, Owner, owner_of
from collective.coserver.pas.installation import is_active
from coserver_consumer.model.errors import InvalidJob

FOUND = "_v_coserver_found"  # on a user, who lives as long as a request


def require_login(user: Any) -> Owner:
    """Return the user as the owner of a job; None is Anonymous.

    Raises ``InvalidJob`` for a user whom a job couldn't log in, or couldn't tell from one that was
    deleted meanwhile.
    """
    if user is None:
        return ANONYMOUS
    owner = owner_of(user)
    if owner.id is not None and not hasattr(aq_base(user), FOUND):
        _check(owner, aq_parent(aq_inner(user)))
        setattr(aq_base(user), FOUND, True)
    return owner


def _check(owner: Owner, users: Any) -> None:
    if not is_active(users):
        raise InvalidJob(
            f"No job can run as user '{owner.id}': the user folder {owner.folder} lacks the "
            "add-on's plugin 'coserver_job_owner'. Install collective.coserver in the site, or "
            "again if that user folder is newer."
        )
    if users.getUserById(owner.id) is None:
        raise InvalidJob(
            f"No job can run as user '{owner.id}': no plugin of {owner.folder} lists that user, as "
            "with some single sign-on, so a job couldn't tell whether the user still exists. "
            'Activate a plugin that enumerates users, or queue a function with run_as="system".'
        )
