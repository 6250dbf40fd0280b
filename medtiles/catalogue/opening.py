"""How an image of the catalogue is opened: checked before and after, so that nothing else can slip in between."""

from __future__ import annotations

from collections.abc import Mapping

from medtiles.catalogue.companions import require_inside
from medtiles.catalogue.entries import Entry
from medtiles.catalogue.roots import Roots
from medtiles.core.errors import DamagedImageError, ImageNotFoundError, MedTilesError, UnsupportedFormatError
from medtiles.core.source import Source, SourceFormat
from transcode.errors import FileChangedError
from transcode.files import version_of

_TRIES = 3
"""A file that changes while it is opened is opened again, so many times in all."""


def open_entry(entry: Entry, formats: Mapping[str, SourceFormat], roots: Roots) -> Source:
    """Open an image with the first of its formats that takes it.

    :raises ImageNotFoundError: a file of it is gone, or lies outside the roots now
    :raises UnsupportedFormatError, DamagedImageError: it cannot be opened
    """
    for _ in range(_TRIES):
        source = _open_if_stable(entry, formats, roots)
        if source is not None:
            return source
    message = f"{entry.summary.name} changes all the time; it is still being written"
    raise DamagedImageError(message)


def _open_if_stable(entry: Entry, formats: Mapping[str, SourceFormat], roots: Roots) -> Source | None:
    """None when what was opened is not what was checked: the file has been replaced in between."""
    version = _version(entry, roots)
    try:
        source = _open(entry, formats)
    except FileChangedError:
        return None
    try:
        is_stable = source.info.version == version == _version(entry, roots)
    except MedTilesError:
        source.close()
        raise
    if not is_stable:
        source.close()
        return None
    return source


def _version(entry: Entry, roots: Roots) -> str:
    roots.require_inside(entry.paths)
    for path in entry.paths[:1]:
        require_inside(path, roots)
    try:
        return version_of(entry.paths)
    except FileChangedError as error:
        raise ImageNotFoundError(str(error)) from error


def _open(entry: Entry, formats: Mapping[str, SourceFormat]) -> Source:
    for name in entry.formats:
        try:
            return formats[name].open(entry.paths)
        except UnsupportedFormatError as error:
            refusal = error
    raise refusal
