"""The port of engines: what a protocol may ask, whether the engine is in this process or far away."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from medtiles.core.channels import ChannelReport
from medtiles.core.display import Display
from medtiles.core.frames import Frames
from medtiles.core.pyramid import ImageInfo, TileKey
from medtiles.core.studies import Studies
from medtiles.core.view import Refinement, Request, View
from transcode.frames import EncodedFrame, PixelArray


@dataclass(frozen=True, slots=True)
class ImageQuery:
    """Which images to list."""

    search: str = ""
    """Part of the name or description, in any case."""
    kind: str = ""
    """slide, radiology or picture; empty: all."""
    study_uid: str = ""
    offset: int = 0
    limit: int = 100
    path: str = ""
    """The file of the image, below one of the served folders: exactly this, slashes between; empty: all."""


@dataclass(frozen=True, slots=True)
class ImageSummary:
    """One line of a listing."""

    id: str
    name: str
    kind: str
    format: str
    width: int
    height: int
    planes: int = 1
    modality: str = ""
    study_uid: str = ""
    series_uid: str = ""
    problem: str = ""
    """Why the image cannot be opened; empty when it can."""


@dataclass(frozen=True, slots=True)
class ImagePage:
    """A page of a listing, in a stable order."""

    images: tuple[ImageSummary, ...]
    total: int
    """Images that match, on all pages."""
    is_scanning: bool = False
    """Whether more may yet be found."""


@dataclass(frozen=True, slots=True)
class KeptRendering:
    """A rendering that addresses can name."""

    hash: str
    """Of all that follows: 24 hexadecimal digits."""
    image: str
    version: str
    """`ImageInfo.version` of the image that it was made for: percentiles are of its values."""
    text: str
    """As protocols write it."""


class Tiles(Protocol):
    """What a protocol may ask. Safe to call from several threads. Errors are those of core.errors and transcode."""

    @property
    def frames(self) -> Frames:
        """Frames of DICOM instances as they travel."""

    @property
    def studies(self) -> Studies:
        """The DICOM instances by their UIDs."""

    def images(self, query: ImageQuery) -> ImagePage:
        """List images."""

    def info(self, image: str) -> ImageInfo:
        """Everything about an image; may wait for a file to open.

        :raises ImageNotFoundError: no such image
        """

    def known_info(self, image: str) -> ImageInfo | None:
        """The same without waiting, when it is at hand."""

    def display(self, image: str, plane: int) -> Display:
        """How a plane is shown by default, its window filled in."""

    def channels(self, image: str) -> tuple[ChannelReport, ...]:
        """The channels of an image and the values of each, in the order of their indexes; may take a second."""

    def keep_rendering(self, image: str, text: str) -> KeptRendering:
        """Keep what a protocol says of a rendering of the image as it is now; the same again is the same.

        :raises ImageNotFoundError: no such image
        """

    def kept_rendering(self, name: str) -> KeptRendering:
        """The one of a hash.

        :raises ImageNotFoundError: none is kept
        """

    def answer(self, request: Request) -> EncodedFrame | None:
        """The picture without waiting, when it is at hand."""

    def produce(self, request: Request) -> EncodedFrame:
        """The picture, in the caller's thread."""

    def submit(self, request: Request) -> Future[EncodedFrame]:
        """The picture, made by the engine's own workers. Cancelling withdraws: work that nobody waits for stops.

        :raises BusyError: the queue is full
        """

    def samples(self, image: str, what: View | TileKey) -> PixelArray:
        """Samples with all their bits, not windowed: stored values, RGB for colour."""

    def refinements(self, image: str, key: TileKey, offset: int = 0) -> Iterator[Refinement]:
        """A stored JPEG 2000 or HTJ2K tile, cut at its resolutions, from a byte offset on. Nothing is decoded.

        :raises UnsupportedEncodingError: the tile is not stored as JPEG 2000
        """
