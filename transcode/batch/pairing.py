"""Which file of one archive belongs to which of another.

What was before is found as a batch finds it, members of zip, tar and gzip files too, and every item is looked for at
the place that a batch gives it. What has another name is matched by SOP Instance UID, or by the Source Image Sequence
of a lossy copy (PS3.3 C.7.6.1.1.4).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom.datadict import tag_for_keyword

from transcode.batch.containers import is_gzipped_dicom
from transcode.batch.destinations import Destinations, is_unpacked
from transcode.batch.discover import PART, WORK_FOLDER, Discovery, Problem
from transcode.batch.errors import BatchError
from transcode.batch.model import Item
from transcode.batch.opening import opened
from transcode.dicom.attributes import items, text
from transcode.dicom.file_header import read_header
from transcode.errors import TranscodeError
from transcode.files import StableFile

_IDENTITY = [tag for tag in map(tag_for_keyword, ("SOPInstanceUID", "SourceImageSequence")) if tag is not None]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two files that should hold the same."""

    name: str
    """Where a batch puts it, with slashes; of a file that only the archive after has, where it is."""
    before: Item | None
    after: Path | None


@dataclass(frozen=True, slots=True)
class Pairing:
    """Two archives, file by file."""

    root: Path
    """Of what was before; items count from it."""
    pairs: tuple[Pair, ...]
    """By name."""
    problems: tuple[Problem, ...] = ()
    """What of the archive before cannot be looked at."""


def pair_up(before: Path, after: Path, spool: Path) -> Pairing:
    """Find what belongs together.

    Files that only the archive after has are told when they are DICOM: reports may lie beside an archive.

    :param before: a folder, or a file; `after` a folder, or a file for a file
    :param spool: a folder for what is unpacked for a while
    :raises OSError: the archive after cannot be read
    """
    if before.is_file() and after.is_file():
        item = Item(before.name, size=before.stat().st_size, is_gzipped=is_gzipped_dicom(before))
        return Pairing(before.parent, (Pair(before.name, item, after),))
    problems: list[Problem] = []
    discovery = Discovery(before, problems.append, excluded=(after,))
    ours = _by_destination(list(discovery.items()))
    theirs = dict(_files(after))
    found = [Pair(name, ours[name], theirs[name]) for name in ours.keys() & theirs.keys()]
    left = {name: item for name, item in ours.items() if name not in theirs}
    found += _by_uid(left, {name: path for name, path in theirs.items() if name not in ours}, discovery.base, spool)
    unseen = [problem for problem in problems if not _is_seen(problem, discovery.base, ours)]
    return Pairing(discovery.base, tuple(sorted(found, key=lambda pair: pair.name)), tuple(unseen))


def _by_destination(found: list[Item]) -> dict[str, Item]:
    names = Destinations()
    kept = {names.keep(item): item for item in found if not is_unpacked(item)}
    return kept | {names.give(item): item for item in found if is_unpacked(item)}


def _is_seen(problem: Problem, base: Path, ours: dict[str, Item]) -> bool:
    """Links count for nothing, here as in a batch; what is copied unopened is compared as it is."""
    return problem.name in ours or (base / problem.name).is_symlink()


def _by_uid(ours: dict[str, Item], theirs: dict[str, Path], root: Path, spool: Path) -> Iterator[Pair]:
    by_uid: dict[str, Path] = {}
    for path in theirs.values() if ours else ():
        for uid in _uids(path):
            by_uid.setdefault(uid, path)
    matched = set()
    for name, item in ours.items():
        partner = by_uid.get(_uid(item, root, spool)) if by_uid else None
        if partner is not None:
            matched.add(partner)
        yield Pair(name, item, partner)
    for name, path in theirs.items():
        if path not in matched and _uids(path):
            yield Pair(name, None, path)


def _files(root: Path) -> Iterator[tuple[str, Path]]:
    """Regular files, by their path below the root, without what a batch keeps there for itself."""
    for folder, folders, names in os.walk(root, onerror=_raise):
        folders[:] = [name for name in folders if name != WORK_FOLDER]
        for name in names:
            path = Path(folder, name)
            if path.is_file() and not PART.fullmatch(name):
                yield path.relative_to(root).as_posix(), path


def _raise(error: OSError) -> None:
    raise error


def _uid(item: Item, root: Path, spool: Path) -> str:
    try:
        with opened(root, item, spool) as path:
            return next(iter(_uids(path)), "")
    except (BatchError, OSError):
        return ""


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
