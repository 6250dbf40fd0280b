"""The port of catalogues: which images there are, and how they are opened."""

from __future__ import annotations

from typing import Protocol

from medtiles.core.source import Source
from medtiles.core.studies import Studies
from medtiles.core.tiles import ImagePage, ImageQuery


class Catalogue(Protocol):
    """All images under the served roots, by id. Safe to call from several threads."""

    @property
    def studies(self) -> Studies:
        """The DICOM instances by their UIDs."""

    def images(self, query: ImageQuery) -> ImagePage:
        """List images in a stable order."""

    def open(self, image: str) -> Source:
        """Open an image.

        :raises ImageNotFoundError: no such image, or its file is gone
        :raises UnsupportedFormatError, DamagedImageError: it cannot be opened
        """

    def version(self, image: str) -> str:
        """The identity of the image's files as they are now, equal to `ImageInfo.version` of a source opened now.

        Costs one stat for each file.

        :raises ImageNotFoundError: no such image, or its file is gone
        """
