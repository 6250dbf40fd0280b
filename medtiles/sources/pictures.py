"""Plain pictures: JPEG, PNG, WebP, BMP, and the first frame of a GIF.

A picture of at most `LARGEST_SIDE` pixels a side is one level of one tile; a JPEG that lies upright goes out as it is
stored. One with another EXIF orientation is decoded and turned, so that everybody sees it upright. Larger pictures get
a pyramid, made when its first tile is wanted and kept in the cache folder; the picture itself is never written to.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from medtiles.core.display import PLAIN, Display, Windowing
from medtiles.core.errors import DamagedImageError, ImageNotFoundError
from medtiles.core.pyramid import ImageInfo, Level, TileKey
from medtiles.pyramids import (
    LARGEST_SIDE,
    DecodedPicture,
    FlatHeader,
    PictureFile,
    PyramidFolder,
    format_of,
    read_flat_header,
    read_flat_picture,
)
from transcode.codecs.jpeg import JPEG
from transcode.errors import CorruptFrameError
from transcode.files import StableFile, version_of
from transcode.frames import EncodedFrame, Frame, PixelFormat
from transcode.jpeg_structure import ColourModel, ends_properly, read_frame_header

_FORMATS = frozenset({"jpeg", "png", "webp", "bmp", "gif"})
_BMP_SUFFIXES = frozenset({".bmp", ".dib"})
_PHOTOMETRIC = {ColourModel.GREY: "MONOCHROME2", ColourModel.YCBCR: "YBR_FULL_422", ColourModel.RGB: "RGB"}
_FULL_RANGE = Display(windowings=(Windowing(32768.0, 65536.0),))


class PictureFormat:
    """Files that everyday viewers open."""

    name = "picture"

    def __init__(self, cache: PyramidFolder | None) -> None:
        """:param cache: where pyramids of large pictures are kept; None: large pictures are refused"""
        self._cache = cache

    def detects(self, path: Path, head: bytes) -> bool:
        """Whether the file begins as one of the formats does; BMP, known by two letters only, by its name too."""
        found = format_of(head)
        return found in _FORMATS and (found != "bmp" or path.suffix.lower() in _BMP_SUFFIXES)

    def open(self, paths: Sequence[Path]) -> PictureSource:
        """Open a picture.

        :raises UnsupportedFormatError: none of the formats, or too large
        :raises DamagedImageError: its header is broken
        :raises FileChangedError: it changed meanwhile
        """
        path = paths[0]
        version = version_of([path])
        header = read_flat_header(path)
        file = PictureFile(path, version, header.size, header.pixels, is_lossy=header.format == "jpeg")
        tiles = _stored(path, header) or DecodedPicture(file, lambda: read_flat_picture(path).pixels, self._cache)
        source = PictureSource(file, header, tiles)
        try:
            file.require_unchanged()
        except BaseException:
            source.close()
            raise
        return source


class _Tiles(Protocol):
    """Where tiles come from: the stored JPEG, or the decoded picture."""

    levels: tuple[Level, ...]

    def read_tile(self, key: TileKey) -> Frame: ...

    def close(self) -> None: ...


class _StoredJpeg:
    """A file that is one JPEG for everybody."""

    def __init__(self, file: StableFile, header: FlatHeader, pixels: PixelFormat) -> None:
        self._file = file
        self._pixels = pixels
        self.levels: tuple[Level, ...] = (Level(header.size, header.size, 1.0, JPEG.media_type),)

    def read_tile(self, key: TileKey) -> Frame:  # noqa: ARG002 - there is one
        size = self.levels[0].size
        return EncodedFrame(self._file.read(0, self._file.size), JPEG, self._pixels, size.width, size.height)

    def close(self) -> None:
        self._file.close()


class PictureSource:
    """One open picture."""

    def __init__(self, file: PictureFile, header: FlatHeader, tiles: _Tiles) -> None:
        self._tiles = tiles
        self._info = ImageInfo(
            name=file.path.name,
            kind="picture",
            format=header.format,
            levels=tiles.levels,
            pixels=header.pixels,
            version=file.version,
            spacing_mm=header.spacing_mm,
            icc_profile=header.icc_profile,
        )

    @property
    def info(self) -> ImageInfo:
        """What the picture is."""
        return self._info

    def read_tile(self, key: TileKey) -> Frame:
        """The stored JPEG, or the picture's samples, or a tile of its pyramid.

        :raises TileOutOfRangeError: no such tile
        :raises DamagedImageError: the picture does not decode
        :raises FileChangedError: it has changed, or the source has been closed
        """
        self._info.require(key)
        return self._tiles.read_tile(key)

    def read_associated(self, name: str) -> Frame:
        """There is none.

        :raises ImageNotFoundError: always
        """
        message = f"{self._info.name} has no associated picture {name!r}"
        raise ImageNotFoundError(message)

    def display(self, plane: int) -> Display:
        """As stored; grey of 16 bits is stretched, since pictures of it seldom use their range.

        :raises TileOutOfRangeError: no such plane
        """
        self._info.require_plane(plane)
        pixels = self._info.pixels
        if pixels.bits_stored == 8:
            return PLAIN
        return _FULL_RANGE if pixels.is_colour else Display()

    def close(self) -> None:
        """Let go of files."""
        self._tiles.close()


def _stored(path: Path, header: FlatHeader) -> _StoredJpeg | None:
    """The file as it is, when it is a small upright JPEG that every client reads."""
    is_small = max(header.size.width, header.size.height) <= LARGEST_SIDE
    if header.format != "jpeg" or header.orientation != 1 or not is_small:
        return None
    file = StableFile(path)
    try:
        pixels = _stored_format(file, header)
    except BaseException:
        file.close()
        raise
    if pixels is None:
        file.close()
        return None
    return _StoredJpeg(file, header, pixels)


def _stored_format(file: StableFile, header: FlatHeader) -> PixelFormat | None:
    """What the samples of a stored JPEG are; None where its bytes are not for everybody: CMYK, cut short, lossless."""
    data = file.read(0, file.size)
    try:
        stored = read_frame_header(data)
    except CorruptFrameError as error:
        message = f"{file.name} is broken: {error}"
        raise DamagedImageError(message) from error
    photometric = _PHOTOMETRIC.get(stored.colour_model)
    is_common = stored.process in {0, 1, 2} and stored.precision == 8 and ends_properly(data)
    is_same = (stored.width, stored.height) == (header.size.width, header.size.height)
    if photometric is None or not is_common or not is_same:
        return None
    return PixelFormat(stored.components, 8, 8, photometric=photometric)
