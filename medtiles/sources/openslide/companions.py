"""Formats of several files: which others a slide names, and that all of them lie below the slide's own folder.

OpenSlide opens what MIRAX's Slidedat.ini or Hamamatsu's .vms and .vmu files name, wherever that is. A name that leads
elsewhere would let whoever uploads a slide read any picture on the server, so names are looked at before it does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from medtiles.core.errors import DamagedImageError

_LONGEST = 4 * 1024 * 1024
_MIRAX_KEYS = re.compile(r"INDEXFILE|FILE_\d+", re.IGNORECASE)
_HAMAMATSU_KEYS = re.compile(r"[A-Za-z]*(File|Image)[A-Za-z]*", re.IGNORECASE)
_MOST_SIBLINGS = 100_000


def companions_of(path: Path, vendor: str) -> tuple[Path, ...]:
    """The files beside the slide's own that OpenSlide will open; those that exist.

    :raises DamagedImageError: one of them lies, or would lie, outside the slide's folder
    """
    folder = path.parent.resolve()
    found = []
    for companion in _named(path, vendor):
        if not companion.resolve().is_relative_to(folder):
            message = f"{path.name} names {companion.name}, which leads out of its folder"
            raise DamagedImageError(message)
        if companion.is_file():
            found.append(companion)
    return tuple(found)


def _named(path: Path, vendor: str) -> Iterator[Path]:
    suffix = path.suffix.lower()
    if vendor == "mirax":
        folder = path.with_suffix("")
        index = folder / "Slidedat.ini"
        yield index
        yield from (folder / name for name in _names(path, index, _MIRAX_KEYS))
    elif vendor == "hamamatsu" and suffix in {".vms", ".vmu"}:
        yield from (path.parent / name for name in _names(path, path, _HAMAMATSU_KEYS))
    elif vendor == "trestle":
        yield path.with_suffix(".Full")
    elif vendor == "dicom":
        # OpenSlide looks into every file of the folder for parts of the slide; only links can lead out of it.
        siblings = (entry for _, entry in zip(range(_MOST_SIBLINGS), path.parent.iterdir(), strict=False))
        yield from (entry for entry in siblings if entry.is_symlink())


def _names(path: Path, index: Path, keys: re.Pattern[str]) -> Iterator[str]:
    """The file names among the "key = value" lines of an index.

    :raises DamagedImageError: a name with a folder in it
    """
    if not index.resolve().is_relative_to(path.parent.resolve()):
        message = f"{path.name}: {index.name} leads out of its folder"
        raise DamagedImageError(message)
    try:
        with index.open("rb") as file:
            text = file.read(_LONGEST).decode("utf-8-sig", "replace")
    except OSError as error:
        message = f"{path.name}: {index.name} cannot be read: {error.strerror}"
        raise DamagedImageError(message) from error
    for line in text.splitlines():
        key, _, value = line.partition("=")
        name = value.strip()
        if not name or not keys.match(key.strip()):
            continue
        if "/" in name or "\\" in name or "\0" in name or name in {".", ".."}:
            message = f"{path.name} names a file in another folder ({key.strip()})"
            raise DamagedImageError(message)
        yield name
