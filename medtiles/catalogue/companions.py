"""The other files that a slide consists of: they are no images of their own, and they must not lead out.

MIRAX: the folder beside `x.mrxs` with Slidedat.ini and the files that it names. Hamamatsu VMS and VMU: the files that
the text names. Deep Zoom: the tiles in `x_files` beside `x.dzi`. The files of an OME-TIFF set are opened each for
itself, so none of them is hidden.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from medtiles.catalogue.roots import Roots
from medtiles.core.errors import DamagedImageError

_LARGEST_TEXT = 4 * 1024 * 1024
"""Bytes; index files of slides have some kilobytes."""
_MIRAX_NAME = re.compile(r"^\s*(?:FILE_\d+|INDEXFILE)\s*=\s*(.+?)\s*$", re.MULTILINE)
_HAMAMATSU_NAME = re.compile(r"^\s*(?:\w+File\w*|MacroImage|\w+Image)(?:\([\d, ]+\))?\s*=\s*(.+?)\s*$", re.MULTILINE)


def companions(path: str, roots: Roots) -> tuple[str, ...]:
    """Paths of the files and folders that a file refers to, as it names them; empty for files that stand alone."""
    name = path.lower()
    if name.endswith(".mrxs"):
        return _mirax(Path(path), roots)
    if name.endswith((".vms", ".vmu")):
        return _named(Path(path), _HAMAMATSU_NAME.findall(_text(Path(path), roots)))
    if name.endswith(".dzi"):
        return (f"{path[:-4]}_files",)
    return ()


def require_inside(path: Path, roots: Roots) -> None:
    """Make sure that nothing a file refers to lies outside the roots.

    :raises DamagedImageError: something does
    """
    for companion in companions(str(path), roots):
        real = os.path.realpath(companion)
        inside = _listed(companion) if Path(companion).is_dir() else []
        if not all(roots.reaches(os.path.realpath(each)) for each in (real, *inside)):
            message = f"{path.name} refers to a file outside the served folders"
            raise DamagedImageError(message)


def _listed(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.path for entry in entries if entry.is_symlink()]
    except OSError:
        return []


def _mirax(path: Path, roots: Roots) -> tuple[str, ...]:
    folder = path.with_suffix("")
    names = _MIRAX_NAME.findall(_text(folder / "Slidedat.ini", roots))
    return (str(folder), *_named(folder / "Slidedat.ini", names))


def _named(path: Path, names: list[str]) -> tuple[str, ...]:
    """Names in a file, as paths beside it; its own name is left out."""
    paths = {os.path.normpath(path.parent / name) for name in names if name and "\0" not in name}
    return tuple(sorted(paths - {str(path), str(path.parent)}))


def _text(path: Path, roots: Roots) -> str:
    try:
        with os.fdopen(roots.open_beside(str(path)), "rb") as file:
            return file.read(_LARGEST_TEXT).decode("utf-8", "replace")
    except OSError:
        return ""
