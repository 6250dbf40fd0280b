"""Which file of one archive belongs to which of another."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom.datadict import tag_for_keyword

from transcode.dicom.attributes import items, text
from transcode.dicom.file_header import read_header
from transcode.errors import TranscodeError
from transcode.files import StableFile

_IDENTITY = [tag for tag in map(tag_for_keyword, ("SOPInstanceUID", "SourceImageSequence")) if tag is not None]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two files that should hold the same."""

    name: str
    """The path below the root, with slashes; of the file after, where there is none before."""
    before: Path | None
    """None for a file that only the archive after has."""
    after: Path | None
    """None for a file that only the archive before has."""


def pairs(before: Path, after: Path) -> list[Pair]:
    """The files of both archives, by name.

    Files of the same path belong together. What is left is matched by SOP Instance UID, or by the Source Image Sequence
    that a lossy copy has (PS3.3 C.7.6.1.1.4). Files that only the archive after has are told when they are DICOM: logs
    and reports may lie beside an archive.

    :param before: a file or a folder; and `after` the same
    :raises OSError: a folder cannot be read
    """
    if before.is_file() and after.is_file():
        return [Pair(before.name, before, after)]
    ours, theirs = dict(_files(before)), dict(_files(after))
    found = [Pair(name, ours[name], theirs[name]) for name in ours.keys() & theirs.keys()]
    found += _by_uid(_without(ours, theirs), _without(theirs, ours))
    return sorted(found, key=lambda pair: pair.name)


def _without(files: dict[str, Path], others: dict[str, Path]) -> dict[str, Path]:
    return {name: path for name, path in files.items() if name not in others}


def _by_uid(ours: dict[str, Path], theirs: dict[str, Path]) -> Iterator[Pair]:
    by_uid: dict[str, Path] = {}
    for path in theirs.values() if ours else ():
        for uid in _uids(path):
            by_uid.setdefault(uid, path)
    matched = set()
    for name, path in ours.items():
        uids = _uids(path)[:1] if by_uid else ()
        partner = by_uid.get(uids[0]) if uids else None
        if partner is not None:
            matched.add(partner)
        yield Pair(name, path, partner)
    for name, path in theirs.items():
        if path not in matched and _uids(path):
            yield Pair(name, None, path)


def _files(root: Path) -> Iterator[tuple[str, Path]]:
    """Regular files, by their path below the root. Links to folders are not followed: they may lead in circles."""
    for folder, _, names in os.walk(root, onerror=_raise):
        for name in names:
            path = Path(folder, name)
            if path.is_file():
                yield path.relative_to(root).as_posix(), path


def _raise(error: OSError) -> None:
    raise error


def _uids(path: Path) -> tuple[str, ...]:
    """The SOP Instance UID, and those of its sources; none of what is not DICOM."""
    try:
        file = StableFile(path)
    except OSError:
        return ()
    try:
        header = read_header(file, list(_IDENTITY)).dataset
        uid = text(header, "SOPInstanceUID")
        sources = [text(item, "ReferencedSOPInstanceUID") for item in items(header, "SourceImageSequence")]
    except TranscodeError:
        return ()
    finally:
        file.close()
    return tuple(filter(None, [uid, *sources]))
