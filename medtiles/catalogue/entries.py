"""From recognised files to images with ids."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

from medtiles.catalogue.recognise import Recognised
from medtiles.catalogue.walk import FoundFile
from medtiles.core.tiles import ImageSummary
from medtiles.dicom import DicomHead, ImageGroup, group
from transcode.errors import FileChangedError
from transcode.files import version_of


@dataclass(frozen=True, slots=True)
class Entry:
    """One image of the catalogue."""

    paths: tuple[Path, ...]
    formats: tuple[str, ...]
    """Names of the formats that may open it, best first."""
    version: str
    """The identity of its files when they were found."""
    summary: ImageSummary
    """As far as it is known without opening the image."""

    @property
    def id(self) -> str:
        """Without slashes; reveals no path."""
        return self.summary.id


def image_id(kind: str, *parts: str) -> str:
    """16 lower-case letters and digits that depend on nothing but these words."""
    digest = hashlib.blake2b("\0".join((kind, *parts)).encode("utf-8", "surrogateescape"), digest_size=10)
    return base64.b32encode(digest.digest()).decode().lower()


def entries_of(files: Iterable[FoundFile], known: Mapping[str, Recognised]) -> dict[str, Entry]:
    """The images that files make, by id; `known` says what each path is."""
    hidden = _Hidden()
    entries: list[Entry] = []
    heads: list[tuple[str, DicomHead]] = []
    kept = [file for file in files if file.path in known]
    for file in kept:
        hidden.add(file, known[file.path])
    for file in kept:
        what = known[file.path]
        if not what.formats or hidden.has(file.path):
            continue
        if what.head is not None:
            heads.append((file.path, what.head))
        else:
            entries.extend(_file_entry(file, what))
    for image in group(heads):
        entries.extend(_dicom_entry(image))
    return {entry.id: entry for entry in reversed(entries)}


class _Hidden:
    """Files that belong to another image. Of files that name one another, the first is the image."""

    def __init__(self) -> None:
        self._paths: set[str] = set()

    def add(self, file: FoundFile, what: Recognised) -> None:
        if not self.has(file.path):
            self._paths.update(path for path in what.companions if path != file.path)

    def has(self, path: str) -> bool:
        if not self._paths:
            return False
        return path in self._paths or any(str(parent) in self._paths for parent in PurePath(path).parents)


def _file_entry(file: FoundFile, what: Recognised) -> Iterable[Entry]:
    path = Path(file.path)
    summary = ImageSummary(
        id=image_id("file", file.place),
        name=_printable(path.name),
        kind="",
        format=what.formats[0],
        width=0,
        height=0,
        problem=what.problem,
    )
    return _entry((path,), what.formats, summary)


def _dicom_entry(image: ImageGroup) -> Iterable[Entry]:
    summary = ImageSummary(
        id=image_id("dicom", image.series_uid, image.key),
        name=_printable(image.name),
        kind=image.kind,
        format=image.format,
        width=image.width,
        height=image.height,
        planes=image.planes,
        modality=image.modality,
        study_uid=image.study_uid,
        series_uid=image.series_uid,
    )
    return _entry(tuple(Path(path) for path in image.members), (image.format,), summary)


def _entry(paths: tuple[Path, ...], formats: tuple[str, ...], summary: ImageSummary) -> Iterable[Entry]:
    try:
        return (Entry(paths, formats, version_of(paths), summary),)
    except FileChangedError:
        return ()


def _printable(name: str) -> str:
    """Without control characters and bytes that are no text: names go into headers, logs and pages."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
