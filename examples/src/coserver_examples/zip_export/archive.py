"""The zip itself: written to a file on disk, one file of the site after the other."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from shutil import copyfileobj
from tempfile import TemporaryDirectory
from zipfile import ZIP_DEFLATED, ZipFile

from plone import api
from plone.dexterity.content import DexterityContent

FIELDS = {"File": "file", "Image": "image"}
CACHED = 50  # objects that stay in memory

Report = Callable[[int, int], None]


def find_files(folder: DexterityContent) -> list[str]:
    """Return the paths of the files below the folder that the user may see, sorted."""
    found = api.content.find(folder, portal_type=list(FIELDS))
    return sorted(brain.getPath() for brain in found)


@contextmanager
def packed(folder: DexterityContent, paths: Sequence[str], report: Report) -> Iterator[Path]:
    """Write the zip and yield where it is; whoever takes the file away may.

    ``report`` is called with how many files are in it, of how many, before each.
    """
    with TemporaryDirectory() as directory:
        file = Path(directory) / "export.zip"
        with ZipFile(file, "w", ZIP_DEFLATED) as archive:
            for number, path in enumerate(paths):
                report(number, len(paths))
                add(archive, folder, folder.unrestrictedTraverse(path))
                if number % CACHED == 0:
                    folder._p_jar.cacheGC()
        yield file


def add(archive: ZipFile, folder: DexterityContent, item: DexterityContent) -> None:
    """Add one file, under its place below the folder and its file's own name."""
    held = getattr(item, FIELDS[item.portal_type])
    if held is None:  # somebody made it and uploaded nothing
        return
    with held.open() as content, archive.open(name_in(folder, item), "w") as entry:
        copyfileobj(content, entry)


def name_in(folder: DexterityContent, item: DexterityContent) -> str:
    """Return the name in the zip: ids, since two files in one folder may bear the same name."""
    steps = item.getPhysicalPath()[len(folder.getPhysicalPath()) :]
    return str(PurePosixPath(*steps))
