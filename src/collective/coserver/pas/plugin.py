"""The plugin that logs in the owner of the job that a request runs."""

from __future__ import annotations

from typing import Any

from AccessControl import ClassSecurityInfo
from AccessControl.class_init import InitializeClass
from Products.PluggableAuthService.interfaces.plugins import (
    IAuthenticationPlugin,
    IExtractionPlugin,
)
from Products.PluggableAuthService.plugins.BasePlugin import BasePlugin
from zope.interface import implementer

from collective.coserver.identity.owner import owner_of_job
from collective.coserver.identity.request_job import get_job

PLUGIN_ID = "coserver_job_owner"
INTERFACES = (IExtractionPlugin, IAuthenticationPlugin)


@implementer(*INTERFACES)
class JobOwnerPlugin(BasePlugin):
    """Authenticates by the job that was noted on the request, never by what the request says.

    It challenges nobody and knows no users: it finds the job's owner among the users of its folder,
    so nobody who is gone from there is logged in.
    """

    meta_type = "Coserver Job Owner Plugin"
    security = ClassSecurityInfo()

    def __init__(self, id: str, title: str = "") -> None:  # noqa: A002
        self._setId(id)
        self.title = title

    @security.private
    def extractCredentials(self, request: Any) -> dict[str, Any]:  # noqa: N802
        """Return which run the request is; nothing in it is secret or believed."""
        job = get_job(request)
        if job is None or job.owner is None:
            return {}
        return {"coserver_job": job.id, "coserver_run": job.run}

    @security.private
    def authenticateCredentials(  # noqa: N802
        self, credentials: dict[str, Any]
    ) -> tuple[str, str] | None:
        """Return id and login name of the owner, if this user folder is theirs and knows them."""
        job = get_job(self.REQUEST)
        if job is None or job.owner is None or "coserver_job" not in credentials:
            return None
        owner, users = owner_of_job(job), self._getPAS()
        if "/".join(users.getPhysicalPath()) != owner.folder:
            return None
        user = users.getUserById(owner.id)
        return None if user is None else (user.getId(), user.getUserName())


InitializeClass(JobOwnerPlugin)
