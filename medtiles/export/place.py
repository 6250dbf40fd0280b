"""The files that an export is, and what may lie there already."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from medtiles.export.errors import ExportError

_OURS = re.compile(
    r"\d+|TileGroup\d+|ImageProperties\.xml|blank\.png|tilejson\.json"  # Deep Zoom, Zoomify, maps
    r"|info\.json|full|\d+,\d+,\d+,\d+|level-\d+\.dcm|\..+\.part"  # IIIF, DICOM, files that are not whole
)
"""What lies directly in the folder of an export, in any of the layouts."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an export goes."""

    document: Path
    """What is opened by those who look at it."""
    parts: tuple[Path, ...]
    """Files and folders that are all of it."""
    journal: Path
    """What is left of a run that did not come to its end."""
    growing: tuple[Path, ...] = ()
    """Files that lie there until then."""

    def clear(self, originals: Iterable[Path], *, is_forced: bool) -> None:
        """See to it that nothing but an unfinished run of the export itself lies there.

        :param originals: files that are never written over
        :param is_forced: whether an earlier export is replaced
        :raises ExportError: something else lies there
        :raises OSError: an earlier export cannot be removed
        """
        for original in originals:
            if any(_holds(part, original) for part in self.parts):
                message = f"{self.document} would be written over the image itself; name another place"
                raise ExportError(message)
        if self.journal.exists() and not is_forced:
            return
        found = [part for part in self.parts if part.exists() and not _is_empty_folder(part)]
        if found and not is_forced:
            message = f"{found[0]} exists; --force replaces it"
            raise ExportError(message)
        if found and not (self.document.exists() or self.journal.exists()):
            message = f"{found[0]} is something else, without {self.document.name}; name another place"
            raise ExportError(message)
        for part in found:
            _require_ours(part)
        for part in (*found, *self.growing, self.journal):
            _remove(part)


def _holds(part: Path, original: Path) -> bool:
    part, original = part.resolve(), original.resolve()
    return part == original or part in original.parents


def _require_ours(part: Path) -> None:
    """:raises ExportError: there is something in a folder that no layout writes"""
    strange = sorted(each.name for each in part.iterdir() if not _OURS.fullmatch(each.name)) if part.is_dir() else []
    if strange:
        message = f"{part} holds {strange[0]}, which is of no export; take it away, or name another place"
        raise ExportError(message)


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        with suppress(FileNotFoundError):
            path.unlink()
