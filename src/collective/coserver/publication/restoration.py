"""Once the view and the user of a job's request are known: check the user, restore the rest."""

from __future__ import annotations

from typing import Any

from AccessControl import getSecurityManager
from zope.component import adapter
from ZPublisher.interfaces import IPubAfterTraversal

from collective.coserver.identity.origin import restore_virtual_root
from collective.coserver.identity.owner import owner_of, owner_of_job
from collective.coserver.identity.request_job import get_job
from collective.coserver.identity.site import find_site
from collective.coserver.publication.refusal import NotAdmitted, refuse
from coserver_consumer.model.job import Job
from coserver_consumer.protocol.answer import name_owner


@adapter(IPubAfterTraversal)
def prepare_job(event: IPubAfterTraversal) -> None:
    """Refuse a job's request that doesn't run as its owner, then restore what it was queued with.

    That is the virtual host, the language and the skin.
    """
    request = event.request
    job = get_job(request)
    if job is None:
        return
    require_owner(job, request)
    origin = job.origin or {}
    restore_virtual_root(origin, request)
    restore_language(origin.get("language"), request)
    restore_skin(origin.get("skin"), request)


def require_owner(job: Job, request: Any) -> None:
    """Refuse a request that runs as anybody but the job's owner.

    A deleted or locked user isn't authenticated, and a public view would run as Anonymous.
    """
    if owner_of(getSecurityManager().getUser()) != owner_of_job(job):
        refuse(
            request,
            NotAdmitted(
                f"The job's owner, {name_owner(job)}, can't be logged in here: the user is gone or "
                "locked, the path is outside of the user folder, or the add-on isn't installed "
                "there."
            ),
        )


def restore_language(language: str | None, request: Any) -> None:
    """Set the language that the site's negotiation would otherwise choose anew."""
    if not language:
        return
    request["LANGUAGE"] = language
    if binding := request.get("LANGUAGE_TOOL"):
        binding.LANGUAGE = language


def restore_skin(skin: str | None, request: Any) -> None:
    """Set the skin of portal_skins."""
    site = find_site()
    if skin and site is not None and site.getCurrentSkinName() != skin:
        site.changeSkin(skin, request)
