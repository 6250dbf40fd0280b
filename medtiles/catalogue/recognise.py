"""What a file is, judged by its name and its first bytes; for DICOM by its header."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medtiles.catalogue.companions import companions
from medtiles.catalogue.roots import Roots
from medtiles.core.source import SourceFormat
from medtiles.dicom import DicomHead
from medtiles.dicom.records import InstanceRecord
from transcode.errors import FileChangedError
from transcode.files import version_of

_HEAD = 4096
"""Bytes that formats judge by."""
DICOM = "dicom-"
"""How the names of the formats begin that take groups of files."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """What is known of a file without opening it as an image."""

    formats: tuple[str, ...] = ()
    """Names of the formats that may open it, best first; empty: it is no image."""
    head: DicomHead | None = None
    companions: tuple[str, ...] = ()
    problem: str = ""
    is_dicom: bool = False
    """Whether its header was read as DICOM, with a picture or without."""
    record: InstanceRecord | None = None
    """For the index of studies; of files read just now, and never in the text."""
    version: str = ""
    """Of the file that the record was made of, as `version_of` gives it."""

    def to_json(self) -> str:
        """As text, for the index."""
        head = self.head.to_json() if self.head else None
        return json.dumps([self.formats, head, self.companions, self.problem, self.is_dicom])

    @classmethod
    def from_json(cls, text: str) -> Recognised:
        """The inverse of `to_json`."""
        formats, head, beside, problem, is_dicom = json.loads(text)
        return cls(tuple(formats), DicomHead.from_json(head) if head else None, tuple(beside), problem, is_dicom)


@dataclass(frozen=True, slots=True)
class Unread:
    """A DICOM file whose header has not been read."""

    path: str
    formats: tuple[str, ...]

    def read(self) -> Recognised:
        """Read it. Never raises on what it finds there."""
        return _dicom(self.path, self.formats)


def recognise(path: str, formats: Sequence[SourceFormat], roots: Roots) -> Recognised | Unread:
    """Look at the beginning of a file. Never raises on what it finds there."""
    head, problem = _first_bytes(path, roots)
    names = tuple(each.name for each in formats if each.detects(Path(path), head))
    if names and problem:
        return Recognised(names, problem=problem)
    if names and names[0].startswith(DICOM):
        return Unread(path, names)
    return Recognised(names, companions=companions(path, roots))


def _first_bytes(path: str, roots: Roots) -> tuple[bytes, str]:
    try:
        with os.fdopen(roots.open_read_only(path), "rb", buffering=0) as file:
            return file.read(_HEAD), ""
    except OSError as error:
        return b"", f"the file cannot be read: {error.strerror or 'input/output error'}"


def _dicom(path: str, names: tuple[str, ...]) -> Recognised:
    from medtiles.dicom.head_reader import read_facts  # noqa: PLC0415 - with it comes pydicom, 38 MB

    try:
        version = version_of([Path(path)])
    except FileChangedError:
        return Recognised(names, problem="the file is gone")
    facts = read_facts(Path(path))
    if facts is None:
        return Recognised(names, problem="damaged DICOM file: its header cannot be read")
    head, record = facts
    if head.has_picture:
        return Recognised(names, head=head, is_dicom=True, record=record, version=version)
    return Recognised(is_dicom=True, record=record, version=version)
