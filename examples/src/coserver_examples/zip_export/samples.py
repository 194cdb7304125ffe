"""Five hundred files to be exported, made by a job as well."""

from plone import api
from plone.base.interfaces import IPloneSiteRoot
from plone.dexterity.content import DexterityContent
from plone.namedfile.file import NamedBlobFile

from collective.coserver import current_job, task

NAME = "samples"
NUMBER = 500
A_FOLDER = 50  # files
STEP = 25  # files between two reports


@task(timeout=600)
def make_samples(site: IPloneSiteRoot) -> int:
    """Make the files that aren't there yet, in folders of fifty; return how many are new."""
    top = find_or_make(site, "Folder", NAME)
    return sum(make_file(top, number) for number in range(1, NUMBER + 1))


def make_file(top: DexterityContent, number: int) -> bool:
    """Make one file; return False if it was there."""
    if number % STEP == 0:
        current_job.progress(number / NUMBER, f"file {number} of {NUMBER}")
    folder = find_or_make(top, "Folder", f"folder-{(number - 1) // A_FOLDER + 1:02}")
    name = f"letter-{number:03}.txt"
    if name in folder:
        return False
    text = f"This is letter {number} of {NUMBER}. Grüße!\n".encode()
    held = NamedBlobFile(text, contentType="text/plain", filename=name)
    api.content.create(folder, "File", id=name, title=f"Letter {number}", file=held)
    return True


def find_or_make(place: DexterityContent, kind: str, name: str) -> DexterityContent:
    """Return what has that name there."""
    return place[name] if name in place else api.content.create(place, kind, id=name, title=name)
