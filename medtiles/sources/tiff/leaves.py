"""All pages of a TIFF file in order, each with the pages that its SubIFDs name."""

from __future__ import annotations

from dataclasses import dataclass, field

from medtiles.core.errors import DamagedImageError, UnsupportedFormatError
from medtiles.sources.tiff.ifd import Directories, Directory
from medtiles.sources.tiff.page import Page, read_page
from medtiles.sources.tiff.tags import Tag
from transcode.files import RandomAccess


@dataclass(frozen=True, slots=True)
class Leaf:
    """A page of the main chain."""

    place: int
    """In the main chain, the first being 0."""
    directory: Directory
    page: Page
    below: tuple[Page, ...] = field(default=())
    """From its SubIFDs: smaller versions of it."""

    @property
    def description(self) -> str:
        """ImageDescription."""
        return self.directory.text(Tag.DESCRIPTION)


def read_leaves(file: RandomAccess) -> list[Leaf]:
    """All pages that can be understood. The first must be; what else is stored in unknown ways is left out.

    :raises UnsupportedFormatError: no TIFF, or the first page cannot be read
    :raises DamagedImageError: directories that loop, lie or overlap, or no page at all
    :raises TruncatedFileError: the file ends within its directories
    """
    directories = Directories(file)
    chain = directories.chain()
    if not chain:
        message = f"{file.name} holds no picture"
        raise DamagedImageError(message)
    first = read_page(chain[0])
    leaves = [Leaf(0, chain[0], first, _below(directories, chain[0]))]
    for place, directory in enumerate(chain[1:], 1):
        page = _understood(directory)
        if page is not None:
            leaves.append(Leaf(place, directory, page, _below(directories, directory)))
    tables = sum(page.segments.nbytes for leaf in leaves for page in (leaf.page, *leaf.below))
    if tables > file.size:
        message = f"{file.name}: tables of {tables} bytes in a file of {file.size}"
        raise DamagedImageError(message)
    return leaves


def _below(directories: Directories, directory: Directory) -> tuple[Page, ...]:
    pages = (_understood(below) for below in directories.below(directory))
    return tuple(page for page in pages if page is not None)


def _understood(directory: Directory) -> Page | None:
    try:
        return read_page(directory)
    except UnsupportedFormatError:
        return None
