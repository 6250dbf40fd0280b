"""Plain pictures: JPEG, PNG, WebP, BMP, and the first frame of a GIF.

A picture of at most `LARGEST_SIDE` pixels a side is one level of one tile; a JPEG that lies upright goes out as it is
stored. One with another EXIF orientation is decoded and turned, so that everybody sees it upright. Larger pictures get
a pyramid, made when its first tile is wanted and kept in the cache folder; the picture itself is never written to.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from medtiles.core.display import PLAIN, Display, Windowing
from medtiles.core.errors import DamagedImageError, ImageNotFoundError, UnsupportedFormatError
from medtiles.core.pyramid import ImageInfo, Level, TileKey
from medtiles.pyramids import LARGEST_SIDE, CachedPyramid, FlatHeader, format_of, read_flat_header, read_flat_picture
from transcode.codecs.jpeg import JPEG
from transcode.errors import CorruptFrameError, FileChangedError
from transcode.files import StableFile, version_of
from transcode.frames import EncodedFrame, Frame, PixelArray, PixelFormat
from transcode.jpeg_structure import ColourModel, ends_properly, read_frame_header

_FORMATS = frozenset({"jpeg", "png", "webp", "bmp", "gif"})
_BMP_SUFFIXES = frozenset({".bmp", ".dib"})
_PHOTOMETRIC = {ColourModel.GREY: "MONOCHROME2", ColourModel.YCBCR: "YBR_FULL_422", ColourModel.RGB: "RGB"}
_FULL_RANGE = Display(windowings=(Windowing(32768.0, 65536.0),))


class PictureFormat:
    """Files that everyday viewers open."""

    name = "picture"

    def __init__(self, cache: Path | None) -> None:
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
        """
        return PictureSource(paths[0], self._cache)


class PictureSource:
    """One open picture."""

    def __init__(self, path: Path, cache: Path | None) -> None:
        self._path = path
        version = version_of([path])
        header = read_flat_header(path)
        self._file = StableFile(path)
        self._is_closed = False
        self._pyramid: CachedPyramid | None = None
        self._stored: PixelFormat | None = None
        try:
            levels = self._large(header, version, cache) if _is_large(header) else self._small(header)
            self._require_unchanged(version)
        except BaseException:
            self._file.close()
            raise
        self._info = ImageInfo(
            name=path.name,
            kind="picture",
            format=header.format,
            levels=levels,
            pixels=header.pixels,
            version=version,
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
        if self._pyramid:
            return self._pyramid.read_tile(key)
        if self._stored:
            data = self._file.read(0, self._file.size)
            return EncodedFrame(data, JPEG, self._stored, self._info.size.width, self._info.size.height)
        return self._decoded()

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
        self._is_closed = True
        self._file.close()
        if self._pyramid:
            self._pyramid.close()

    def _small(self, header: FlatHeader) -> tuple[Level, ...]:
        if header.format == "jpeg" and header.orientation == 1:
            self._stored = _stored_format(self._file, header)
        return (Level(header.size, header.size, 1.0, JPEG.media_type if self._stored else None),)

    def _large(self, header: FlatHeader, version: str, cache: Path | None) -> tuple[Level, ...]:
        if cache is None:
            message = f"{self._path.name} is larger than {LARGEST_SIDE} pixels a side, and there is no cache folder"
            raise UnsupportedFormatError(message)
        key = f"{self._path.resolve()} {version}"
        picture = (header.size, header.pixels)
        self._pyramid = CachedPyramid(cache, key, picture, self._decoded, is_lossy=header.format == "jpeg")
        return self._pyramid.levels

    def _decoded(self) -> PixelArray:
        if self._is_closed:
            message = f"{self._path.name} has been closed"
            raise FileChangedError(message)
        self._require_unchanged(self._info.version)
        picture = read_flat_picture(self._path)
        self._require_unchanged(self._info.version)
        return picture.pixels

    def _require_unchanged(self, version: str) -> None:
        if version_of([self._path]) != version:
            message = f"{self._path.name} has changed since it was opened"
            raise FileChangedError(message)


def _is_large(header: FlatHeader) -> bool:
    return max(header.size.width, header.size.height) > LARGEST_SIDE


def _stored_format(file: StableFile, header: FlatHeader) -> PixelFormat | None:
    """What the samples of a stored JPEG are; None where its bytes are not for everybody: CMYK, cut short, lossless."""
    data = file.read(0, file.size)
    try:
        stored = read_frame_header(data)
    except CorruptFrameError as error:
        message = f"{file.name} is broken: {error}"
        raise DamagedImageError(message) from error
    photometric = _PHOTOMETRIC.get(stored.colour_model)
    is_common = stored.process in {0, 1, 2} and stored.precision == 8 and photometric is not None
    if (
        not is_common
        or not ends_properly(data)
        or (stored.width, stored.height) != (header.size.width, header.size.height)
    ):
        return None
    return PixelFormat(stored.components, 8, 8, photometric=photometric or "")
