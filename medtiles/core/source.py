"""The port of sources: what an image file must offer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from medtiles.core.display import Display
from medtiles.core.geometry import Region
from medtiles.core.pyramid import ImageInfo, TileKey
from transcode.frames import Frame, PixelArray
from transcode.jp2_boxes import Box


class Source(Protocol):
    """An open image. Every method may be called from several threads at once."""

    @property
    def info(self) -> ImageInfo:
        """What the image is; computed at open, never changes. `version` is the file's identity."""

    def read_tile(self, key: TileKey) -> Frame:
        """The tile as it is stored, or its samples where it must be decoded to be read.

        The frame is at least as large as `Level.tile_region`: an edge tile may be stored padded to the full tile
        size; what belongs to the image is its upper left part. An encoded frame is complete in itself (tables joined,
        colour markers right). A hole in a sparse pyramid comes as samples of the background.

        :raises TileOutOfRangeError: no such tile
        :raises CorruptFrameError, DamagedImageError, DicomFileError, TruncatedFileError: the file is broken there
        :raises FileChangedError: the file is no longer the one that was opened
        """

    def read_associated(self, name: str) -> Frame:
        """A picture that comes with the image.

        :raises ImageNotFoundError: no such picture
        """

    def display(self, plane: int) -> Display:
        """How to show a plane."""

    def close(self) -> None:
        """Let go of files. Calls still under way end with FileChangedError or their result, never with a crash."""


@runtime_checkable
class ReadsRegions(Protocol):
    """A source that reads any region of a level faster or better than by its tiles."""

    def read_region(self, level: int, region: Region, plane: int) -> PixelArray:
        """Samples of a region that lies within a level."""


@runtime_checkable
class HoldsCodestreams(Protocol):
    """A source whose file is a JPEG 2000 codestream, or has some in its boxes."""

    @property
    def info(self) -> ImageInfo:
        """What the image is."""

    @property
    def boxes(self) -> tuple[Box, ...]:
        """Of the top level of the file; none of a bare codestream."""

    @property
    def codestreams(self) -> tuple[tuple[int, int], ...]:
        """Offset and length of each, in the order of the file."""

    def read_bytes(self, offset: int, length: int) -> bytes:
        """Bytes of the file.

        :raises FileChangedError: it is no longer the one that was opened
        """


class SourceFormat(Protocol):
    """How files of a kind are recognised and opened."""

    @property
    def name(self) -> str:
        """One lower-case word."""

    def detects(self, path: Path, head: bytes) -> bool:
        """Whether it opens this file, judged by its name and its first 4096 bytes; cheap, never raises on bad bytes."""

    def open(self, paths: Sequence[Path]) -> Source:
        """Open one image that lies in these files (several only for DICOM).

        :raises UnsupportedFormatError: not of this format after all
        :raises DamagedImageError: of this format, but broken
        """
