"""What the pages have in common that tell of all jobs of a site."""

from __future__ import annotations

from AccessControl import Unauthorized

from collective.coserver.controlpanel.page import PanelPage


class AllJobsPage(PanelPage):
    """A page for those who may see all jobs of the site, whatever roles they have in a folder."""

    def __call__(self) -> str:
        """Return the page; raise ``Unauthorized`` for anybody else."""
        if not self.sees_all:
            raise Unauthorized("This page is for those who may see all jobs of the site.")
        return super().__call__()
