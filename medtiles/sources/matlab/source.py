"""MATLAB files, recognised, opened and read."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medtiles.core.display import PLAIN, Display, Windowing
from medtiles.core.errors import ImageNotFoundError, UnsupportedFormatError
from medtiles.core.geometry import Region, Size
from medtiles.core.pyramid import ImageInfo, Level, Plane, TileKey
from medtiles.pyramids import (
    LARGEST_COARSEST,
    PlaneOverviews,
    PyramidFolder,
    PyramidShape,
    overview_levels,
    overview_tile,
)
from medtiles.sources.matlab.arrays import Values, Variable
from medtiles.sources.matlab.version5 import Version5Values
from transcode.files import version_of
from transcode.frames import Frame, PixelArray

_TILE = Size(512, 512)
_BLOCK = 2048
"""Rows and columns that are read at once where all values are: for the lowest and highest, and for averages."""
_V5_ENDS = (b"\x00\x01IM", b"\x01\x00MI")
"""Version and byte order at the end of the 128 bytes of a version 5 header."""
_V73_START = b"MATLAB 7.3 MAT-file"


class MatlabFormat:
    """Files that MATLAB's save writes by default, and with -v7.3."""

    name = "matlab"

    def __init__(self, cache: PyramidFolder | None = None) -> None:
        """:param cache: where smaller levels of large arrays are kept; None: there are none"""
        self._cache = cache

    def detects(self, path: Path, head: bytes) -> bool:
        """Whether the file has the header of version 5, or that of 7.3; version 5 by its name too."""
        is_v5 = head[124:128] in _V5_ENDS and (path.suffix.lower() == ".mat" or head.startswith(b"MATLAB 5.0"))
        return is_v5 or head.startswith(_V73_START)

    def open(self, paths: Sequence[Path]) -> MatlabSource:
        """Open the largest picture of a file.

        :raises UnsupportedFormatError: it holds none, or one that is too large to be loaded
        :raises DamagedImageError: it is broken
        """
        path = paths[0]
        version = version_of([path])
        with path.open("rb") as file:
            head = file.read(128)
        if not self.detects(path, head):
            message = f"{path.name} is no MATLAB file of version 5 or 7.3"
            raise UnsupportedFormatError(message)
        values = _values(path, head)
        return MatlabSource(path.name, version, values, self._reduced(path, version, values.variable))

    def _reduced(self, path: Path, version: str, variable: Variable) -> PlaneOverviews | None:
        """What makes and keeps the smaller levels; None where there are none, as of truth values."""
        size, pixels = variable.size, variable.pixels
        if self._cache is None or max(size.width, size.height) <= LARGEST_COARSEST or variable.is_logical:
            return None
        tile = overview_tile(size, None, pixels.dtype.itemsize * pixels.samples_per_pixel)
        shape = PyramidShape(overview_levels(Level(size, _TILE), tile, None), pixels, is_lossy=False)
        return PlaneOverviews(self._cache, f"{path.resolve()} {version}", shape)


class MatlabSource:
    """One open picture or cube, in tiles that are cut from it."""

    def __init__(self, name: str, version: str, values: Values, reduced: PlaneOverviews | None = None) -> None:
        """:param reduced: the levels below full resolution"""
        self._values = values
        self._reduced = reduced
        self._lock = threading.Lock()
        self._display: Display | None = None
        variable = values.variable
        self._info = ImageInfo(
            name=name,
            kind="picture",
            format="matlab",
            levels=(Level(variable.size, _TILE), *(reduced.levels if reduced else ())),
            pixels=variable.pixels,
            planes=tuple(_planes(variable.bands)),
            version=version,
            properties=MappingProxyType({"variable": variable.name, "class": variable.matlab_class}),
        )

    @property
    def info(self) -> ImageInfo:
        """What the picture is."""
        return self._info

    def read_tile(self, key: TileKey) -> Frame:
        """The values of a tile, or their averages.

        :raises TileOutOfRangeError: no such tile
        :raises DamagedImageError: the file is broken there
        :raises FileChangedError: it has changed, or the source has been closed
        """
        level = self._info.require(key)
        if key.level and self._reduced:
            made = TileKey(key.level - 1, key.column, key.row, key.plane)
            return self._reduced.read_tile(_BandOfValues(self._values, key.plane), made)
        region = level.tile_region(key.column, key.row)
        return PixelArray(self._values.read(region, key.plane), self._info.pixels)

    def read_associated(self, name: str) -> Frame:
        """There is none.

        :raises ImageNotFoundError: always
        """
        message = f"{self._info.name} has no associated picture {name!r}"
        raise ImageNotFoundError(message)

    def display(self, plane: int) -> Display:
        """Eight unsigned bits as they are; others from the lowest to the highest value of all planes together.

        :raises TileOutOfRangeError: no such plane
        :raises DamagedImageError, FileChangedError: the values cannot be read
        """
        self._info.require_plane(plane)
        pixels, kind = self._info.pixels, self._values.variable.matlab_class
        if kind == "logical":
            return Display(windowings=(Windowing(0.5, 1.0, "LINEAR_EXACT"),))
        if pixels.bits_stored == 8 and not pixels.signed:
            return PLAIN
        with self._lock:
            if self._display is None:
                low, high = self._range()
                width = high - low if high > low else 1.0
                self._display = Display(windowings=(Windowing((low + high) / 2, width, "LINEAR_EXACT"),))
            return self._display

    def close(self) -> None:
        """Let go of the file."""
        self._values.close()
        if self._reduced:
            self._reduced.close()

    def _range(self) -> tuple[float, float]:
        """The lowest and highest finite value of all bands; 0 and 1 when there is none."""
        low, high = math.inf, -math.inf
        size = self._info.size
        for plane in range(len(self._info.planes)):
            for y in range(0, size.height, _BLOCK):
                for x in range(0, size.width, _BLOCK):
                    block = self._values.read(Region(x, y, _BLOCK, _BLOCK).cut_to(size), plane)
                    finite = block[np.isfinite(block)] if block.dtype.kind == "f" else block
                    if finite.size:
                        low, high = min(low, float(finite.min())), max(high, float(finite.max()))
        return (low, high) if low <= high else (0.0, 1.0)


class _BandOfValues:
    """Reads a band from top to bottom."""

    def __init__(self, values: Values, band: int) -> None:
        self._values = values
        self._band = band

    @property
    def size(self) -> Size:
        """Columns and rows."""
        return self._values.variable.size

    def bands(self, region: Region) -> Iterator[Iterable[NDArray[Any]]]:
        """The rows of a region; see `Bands`."""
        for y in range(region.y, region.bottom, _BLOCK):
            height = min(_BLOCK, region.bottom - y)
            yield (
                self._values.read(Region(x, y, min(_BLOCK, region.right - x), height), self._band)
                for x in range(region.x, region.right, _BLOCK)
            )


def _values(path: Path, head: bytes) -> Values:
    """HDF5 is loaded when the first file of version 7.3 is opened: it takes memory, and few servers need it."""
    if head.startswith(_V73_START):
        from medtiles.sources.matlab.version73 import Version73Values  # noqa: PLC0415

        return Version73Values(path)
    return Version5Values(path)


def _planes(bands: int) -> list[Plane]:
    if bands == 1:
        return [Plane()]
    return [Plane(f"band {number + 1}", channel=number) for number in range(bands)]
