"""The studies of a catalogue that has none."""

from __future__ import annotations

from collections.abc import Iterator

from medtiles.core.errors import ImageNotFoundError
from medtiles.core.studies import DicomJson, Instance, Scope, SearchPage, StudyQuery


class NoStudies:
    """Studies for stand-ins whose images are no DICOM files."""

    def search(self, query: StudyQuery) -> SearchPage:
        return SearchPage((), 0)

    def instances(self, scope: Scope) -> tuple[Instance, ...]:
        raise _nothing()

    def metadata(self, instance: Instance) -> DicomJson:
        raise _nothing()

    def bulk_data(self, instance: Instance, path: str) -> bytes:
        raise _nothing()

    def file(self, instance: Instance) -> tuple[int, Iterator[bytes]]:
        raise _nothing()


def _nothing() -> ImageNotFoundError:
    return ImageNotFoundError("there are no studies here")
