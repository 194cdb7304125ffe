"""What the examples' page shows."""

from Products.Five import BrowserView

from coserver_examples.zip_export.job import NAME as EXPORT
from coserver_examples.zip_export.samples import NAME as SAMPLES


class Examples(BrowserView):
    """One form for each example, and the job that the last press queued."""

    @property
    def job_id(self) -> str:
        """The id of the job that was just queued, or nothing."""
        return self.request.form.get("job_id", "")

    @property
    def export_url(self) -> str:
        """The address of the last zip of the sample files, or nothing."""
        samples = self.context.get(SAMPLES)
        return samples[EXPORT].absolute_url() if samples and EXPORT in samples else ""
