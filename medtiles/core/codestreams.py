"""The port of codestreams: an image as JPEG 2000, to be streamed piece by piece."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol, runtime_checkable

from medtiles.core.geometry import Size
from transcode.jp2_boxes import Box


class Held(Enum):
    """How a codestream is had."""

    IN_FILE = "file"
    """It lies in the image's file; any part of it is read."""
    AS_FRAME = "frame"
    """It is one stored frame, read as a whole."""
    BY_TILES = "tiles"
    """It is put together of codestreams, one for each of its tiles: stored ones, or derived ones."""


@dataclass(frozen=True, slots=True)
class CodestreamPlace:
    """What one of an image's codestreams shows, and how it is had."""

    held: Held
    level: int
    plane: int
    size: Size
    """Of the picture. Tiles that are stored padded make the codestream larger, to the right and below."""
    is_stored: bool = True
    """Whether its packets are those of the file; else they are HTJ2K without loss, derived from the image."""
    offset: int = 0
    """In the file, of one that lies there."""
    length: int = 0


@dataclass(frozen=True, slots=True)
class CodestreamSet:
    """The codestreams of an image, in the order of their numbers."""

    version: str
    """Of the image; what is read must be of the same."""
    places: tuple[CodestreamPlace, ...]
    boxes: tuple[Box, ...] = ()
    """Of the top level of a file of the JPEG 2000 family; none for all others."""


class Codestreams(Protocol):
    """Codestreams of images. Safe to call from several threads. Errors are those of core.errors and transcode."""

    def describe(self, image: str) -> CodestreamSet:
        """Which there are; may wait for a file to open.

        :raises ImageNotFoundError: no such image
        """

    def read(self, image: str, version: str, offset: int, length: int) -> bytes:
        """Bytes of the image's file, where codestreams lie in it.

        :raises FileChangedError: the image is another version now
        :raises UnsupportedEncodingError: there is no such file
        """

    def kept_packets(self, image: str, version: str, number: int, tile: int) -> bytes | None:
        """What `keep_packets` has kept of a tile of a codestream; None: nothing."""

    def keep_packets(self, image: str, version: str, number: int, tile: int, data: bytes) -> None:
        """Keep where the packets of a tile lie, for other processes and for later, where there is a folder for it."""

    def header(self, image: str, version: str, number: int) -> bytes:
        """The main header of a codestream that is had by tiles, up to the first SOT.

        :raises TileOutOfRangeError: there is no such codestream
        :raises UnsupportedPixelsError: its samples cannot be encoded
        :raises FileChangedError: the image is another version now
        """

    def tile(self, image: str, version: str, number: int, tile: int) -> bytes:
        """The codestream of a tile; tile 0 of a frame is the whole frame.

        :raises TileOutOfRangeError: there is no such codestream or tile
        :raises UnsupportedPixelsError, CorruptFrameError: it cannot be had
        :raises FileChangedError: the image is another version now
        """


@runtime_checkable
class OffersCodestreams(Protocol):
    """`Tiles` beside their engine."""

    @property
    def codestreams(self) -> Codestreams:
        """Images as JPEG 2000."""
