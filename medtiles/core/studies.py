"""The port of studies: DICOM instances by their UIDs, as archives and viewers name them (PS3.18, PS3.4 C)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

DicomJson = Mapping[str, Any]
"""A data set in the DICOM JSON Model (PS3.18 F). A BulkDataURI in it is relative to the instance: `bulkdata/...`."""


class QueryScope(StrEnum):
    """What a search looks for. DICOM calls it a level."""

    STUDIES = "studies"
    SERIES = "series"
    INSTANCES = "instances"


@dataclass(frozen=True, slots=True)
class Scope:
    """A part of the archive by UIDs; what is empty is not restricted."""

    study: str = ""
    series: str = ""
    instance: str = ""


@dataclass(frozen=True, slots=True)
class StudyQuery:
    """A search (PS3.18 10.6)."""

    level: QueryScope
    within: Scope = Scope()
    matches: tuple[tuple[str, str], ...] = ()
    """Attribute, by keyword or tag (eight hexadecimal digits) or as a path of them with dots, and the value as
    PS3.4 C.2.2.2 matches it."""
    fields: tuple[str, ...] = ()
    """Attributes wanted beyond the usual ones, named likewise; `all`: everything that the index has."""
    fuzzy: bool = False
    """Whether names of persons match by their sound or spelling."""
    offset: int = 0
    limit: int = 1000


@dataclass(frozen=True, slots=True)
class SearchPage:
    """Part of what a search found, in a stable order."""

    found: tuple[DicomJson, ...]
    """A RetrieveURL in them is relative to the root of DICOMweb: `studies/...`."""
    total: int
    """Matches on all pages."""
    is_scanning: bool = False
    """Whether more may yet be found."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance: where it belongs, and what its frames are."""

    study: str
    series: str
    uid: str
    """SOP Instance UID."""
    sop_class: str
    transfer_syntax: str
    frames: int
    """0: it has no pixels."""
    rows: int
    columns: int
    version: str
    """The identity of its file: another one when the file is replaced."""
    image: str = ""
    """Id of the image that shows it; empty when none does."""
    number: int = 0
    """Instance Number."""
    position_mm: float | None = None
    """Of its plane, along the normal of its series; None when that is not known."""
    size: int = 0
    """Of its file, in bytes."""


class Studies(Protocol):
    """The instances of an archive. Safe to call from several threads."""

    def search(self, query: StudyQuery) -> SearchPage:
        """Find studies, series or instances.

        :raises BadRequestError: a value that cannot be matched
        """

    def instances(self, scope: Scope) -> tuple[Instance, ...]:
        """All instances of a scope, series by series, in the order of their slices.

        :raises ImageNotFoundError: there is none
        """

    def metadata(self, instance: Instance) -> DicomJson:
        """Its data set without bulk data.

        :raises ImageNotFoundError, FileChangedError, DicomFileError: its file is gone, another, or damaged
        """

    def bulk_data(self, instance: Instance, path: str) -> bytes:
        """The value that a BulkDataURI of its metadata stands for; `path` is what follows `bulkdata/`.

        :raises ImageNotFoundError: there is no such value
        """

    def file(self, instance: Instance) -> tuple[int, Iterator[bytes]]:
        """Its file as it is stored (PS3.10): length in bytes, and the bytes, piece by piece.

        :raises ImageNotFoundError, FileChangedError: it is gone, or another
        """
