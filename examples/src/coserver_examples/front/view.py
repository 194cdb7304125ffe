"""What the examples' page shows."""

from Products.Five import BrowserView


class Examples(BrowserView):
    """One form for each example, and the job that the last press queued."""

    @property
    def job_id(self) -> str:
        """The id of the job that was just queued, or nothing."""
        return self.request.form.get("job_id", "")
