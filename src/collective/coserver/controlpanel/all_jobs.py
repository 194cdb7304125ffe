"""What the pages have in common that tell of all jobs of a site."""

from __future__ import annotations

from dataclasses import dataclass

from AccessControl import Unauthorized

from collective.coserver.controlpanel.numbers import write_number
from collective.coserver.controlpanel.page import LIST, PanelPage


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A number, and the list of the jobs that it counts; none has no link."""

    text: str
    link: str


class AllJobsPage(PanelPage):
    """A page for those who may see all jobs of the site, whatever roles they have in a folder."""

    def __call__(self) -> str:
        """Return the page; raise ``Unauthorized`` for anybody else."""
        if not self.sees_all:
            raise Unauthorized("This page is for those who may see all jobs of the site.")
        return super().__call__()

    def count(self, number: int, search: str, *, is_whole: bool) -> Number:
        """Return how many jobs the search finds; ``is_whole``: whether all were looked at."""
        return Number(
            text=write_number(number, self.language, is_whole=is_whole),
            link=self.search_link(search) if number or not is_whole else "",
        )

    def search_link(self, search: str) -> str:
        """Return the address of the list with a search."""
        return self.address(LIST, q=search)
