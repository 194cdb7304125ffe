"""The buttons that queue an export, and the making of something to export."""

from plone import api
from Products.Five import BrowserView

from coserver_examples import _, button
from coserver_examples.zip_export.job import export_zip
from coserver_examples.zip_export.samples import NAME, make_samples


class QueueSamples(BrowserView):
    """Queues one job that makes the sample files."""

    def __call__(self) -> str:
        """Queue it and go back to the page."""
        button.check(self.request)
        job = make_samples.options(title="Make sample files", unique="samples")
        return button.answer(
            self.context, _("The files are being made."), job_id=job.delay(self.context)
        )


class QueueZipExport(BrowserView):
    """Queues one job that exports this folder, or the samples if it is the site."""

    def __call__(self) -> str:
        """Queue the export and go back to the page."""
        button.check(self.request)
        site = api.portal.get()
        folder = site.get(NAME) if self.context == site else self.context
        if folder is None:
            return button.complain(site, _("There are no sample files yet: make them first."))
        return button.answer(site, _("The export is queued."), job_id=self.queue_export(folder))

    def queue_export(self, folder) -> str:
        """Queue the export and return the job's id; while it lives another press adds none."""
        path = "/".join(folder.getPhysicalPath())
        job = export_zip.options(title=f"Export {path} as zip", unique=f"zip:{path}")
        return job.delay(folder)
