"""A picture whose stored bytes are of no use as tiles: decoded whole, as one tile, or once for its pyramid."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from medtiles.core.errors import DamagedImageError, UnsupportedFormatError
from medtiles.core.geometry import Size
from medtiles.core.pyramid import Level, TileKey
from medtiles.pyramids.cached import CachedPyramid
from medtiles.pyramids.folder import PyramidFolder
from medtiles.pyramids.layout import LARGEST_SIDE, levels_of
from medtiles.pyramids.store import PyramidShape
from transcode.codecs.jpeg import JPEG
from transcode.errors import FileChangedError
from transcode.files import version_of
from transcode.frames import Frame, PixelArray, PixelFormat


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A file as it was when it was opened, and what is in it."""

    path: Path
    version: str
    size: Size
    pixels: PixelFormat
    is_lossy: bool = False
    """Whether the picture lost something when it was written, so that its pyramid may lose a little too."""

    def require_unchanged(self) -> None:
        """Refuse to go on with another file.

        :raises FileChangedError: the file is not the one that was opened
        """
        if version_of([self.path]) != self.version:
            message = f"{self.path.name} has changed since it was opened"
            raise FileChangedError(message)


class DecodedPicture:
    """Levels and tiles of a picture that `decode` gives. Every method may be called from several threads at once."""

    def __init__(self, file: PictureFile, decode: Callable[[], PixelArray], cache: PyramidFolder | None) -> None:
        """:param cache: where pyramids are kept

        :raises UnsupportedFormatError: the picture is too large for one tile, and there is no cache folder
        """
        self._file = file
        self._decode = decode
        self._is_closed = False
        self._pyramid: CachedPyramid | None = None
        self.levels: tuple[Level, ...] = (Level(file.size, file.size),)
        if max(file.size.width, file.size.height) > LARGEST_SIDE:
            if cache is None:
                message = f"{file.path.name} is larger than {LARGEST_SIDE} pixels a side, and there is no cache folder"
                raise UnsupportedFormatError(message)
            key = f"{file.path.resolve()} {file.version}"
            levels = levels_of(file.size, JPEG.media_type if file.is_lossy else None)
            self._pyramid = CachedPyramid(cache, key, PyramidShape(levels, file.pixels, file.is_lossy), self._bands)
            self.levels = self._pyramid.levels

    def read_tile(self, key: TileKey) -> Frame:
        """A tile that exists.

        :raises DamagedImageError, CorruptFrameError: the picture does not decode
        :raises FileChangedError: the file has changed, or this has been closed
        """
        return self._pyramid.read_tile(key) if self._pyramid else self._decoded()

    def close(self) -> None:
        """Refuse later reads."""
        self._is_closed = True
        if self._pyramid:
            self._pyramid.close()

    def _bands(self) -> Iterator[NDArray[Any]]:
        picture = self._decoded()
        if Size(picture.width, picture.height) != self._file.size:
            message = f"{self._file.path.name} is {picture.width} x {picture.height}, not {self._file.size} as it says"
            raise DamagedImageError(message)
        yield picture.samples

    def _decoded(self) -> PixelArray:
        if self._is_closed:
            message = f"{self._file.path.name} has been closed"
            raise FileChangedError(message)
        self._file.require_unchanged()
        picture = self._decode()
        self._file.require_unchanged()
        return picture
