"""The breadcrumbs of the panel's pages: Site Setup, the panel, the page."""

from plone.app.layout.viewlets.common import PathBarViewlet


class PanelPathBar(PathBarViewlet):
    """Plone's own breadcrumbs, with those of the page behind them."""

    def update(self) -> None:
        """Add the way to the page."""
        super().update()
        crumbs = [{"Title": crumb.title, "absolute_url": crumb.url} for crumb in self.view.crumbs]
        self.breadcrumbs = (*self.breadcrumbs, *crumbs)
