"""The export itself, as a function that the consumer has Zope call."""

from plone import api
from plone.dexterity.content import DexterityContent
from plone.namedfile.file import NamedBlobFile

from collective.coserver import current_job, task
from coserver_examples.zip_export.archive import find_files, packed

NAME = "export.zip"
STEP = 10  # files between two reports: each costs a round trip


@task(max_attempts=3, timeout=3600)
def export_zip(folder: DexterityContent) -> str:
    """Put a zip of all files below the folder into it, and return its address.

    An earlier export is replaced. A second run finds nothing of the first: what an attempt has
    made is there if and only if the job is completed.
    """
    paths = [path for path in find_files(folder) if not path.endswith(f"/{NAME}")]
    with packed(folder, paths, report) as archive:
        current_job.progress(1.0, "storing the zip")
        return store(folder, archive.open("rb")).absolute_url()


def report(number: int, total: int) -> None:
    """Show how far it is, and stop here if somebody cancelled the job."""
    if number % STEP == 0:
        current_job.check_cancelled()
        current_job.progress(number / total, f"file {number} of {total}")


def store(folder: DexterityContent, content) -> DexterityContent:
    """Return the File that has the zip; the blob takes the file on disk over."""
    held = NamedBlobFile(content, contentType="application/zip", filename=NAME)
    if NAME in folder:
        folder[NAME].file = held
        folder[NAME].reindexObject()
        return folder[NAME]
    return api.content.create(folder, "File", id=NAME, title="Export", file=held)
