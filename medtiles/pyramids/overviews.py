"""Levels that a file lacks: made once from its coarsest level, band by band, and kept in the cache folder.

The picture is never in memory as a whole. What is averaged is what is decoded, so bits and channels stay as they are.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from medtiles.core.errors import DamagedImageError, UnsupportedFormatError
from medtiles.core.geometry import Region, Size
from medtiles.core.pyramid import Level, TileKey
from medtiles.pyramids.cached import CachedPyramid
from medtiles.pyramids.folder import PyramidFolder
from medtiles.pyramids.store import PyramidShape, halved
from transcode.errors import CorruptFrameError, TruncatedFileError
from transcode.frames import Frame, PixelArray

_PAUSE = 60.0
"""Seconds without another attempt to write to a cache folder that could not be written to."""
_FEW_HALVINGS = 2
"""A tile so near to the file's own level is averaged from it rather than waited for while others make the pyramid."""


class Bands(Protocol):
    """The level of a file that others are made from."""

    @property
    def size(self) -> Size:
        """In pixels."""

    def bands(self, region: Region) -> Iterator[Iterable[NDArray[Any]]]:
        """The rows of a region from the top, each band as pieces from left to right; (rows, columns, samples).

        The pieces of a band are asked for before the next band, one after the other.

        Heights of all bands but the last, and widths of all pieces but the last of a band, are even.

        :raises CorruptFrameError, DamagedImageError, TruncatedFileError: the file is broken there
        :raises FileChangedError: the file has changed, or has been closed
        """


class Overviews:
    """The levels below one that a file has. Every method may be called from several threads at once.

    They are made when the first tile is wanted. While that cannot be, because the disk is full or a part of the file
    does not decode, a tile is averaged from what it covers, each time.
    """

    def __init__(self, folder: PyramidFolder, key: str, shape: PyramidShape, base: Bands) -> None:
        """:param key: the file, its version, and the plane
        :param shape: its first level has half the size of `base`, rounded up
        """
        self._base = base
        self._shape = shape
        self._pyramid = CachedPyramid(folder, key, shape, self._rows)
        self._next_attempt = 0.0

    def read_tile(self, key: TileKey) -> Frame:
        """A tile that exists; level 0 is the first of those made.

        :raises CorruptFrameError, DamagedImageError, TruncatedFileError: the file is broken where the tile lies
        :raises FileChangedError: the file has changed, or this has been closed
        """
        pyramid = self._pyramid
        if not pyramid.is_made:
            is_soon_done = pyramid.is_being_made and key.level < _FEW_HALVINGS
            if is_soon_done or time.monotonic() < self._next_attempt:
                return self._averaged(key)
        try:
            return pyramid.read_tile(key)
        except UnsupportedFormatError:
            self._next_attempt = time.monotonic() + _PAUSE
        except (CorruptFrameError, DamagedImageError, TruncatedFileError):
            self._next_attempt = math.inf
        return self._averaged(key)

    def rest(self) -> None:
        """Let go of the file in the cache folder until a tile is wanted again."""
        self._pyramid.rest()

    def close(self) -> None:
        """Let go of the file in the cache folder."""
        self._pyramid.close()

    def _rows(self) -> Iterator[NDArray[Any]]:
        size = self._base.size
        return _halved(self._base.bands(Region(0, 0, size.width, size.height)))

    def _averaged(self, key: TileKey) -> PixelArray:
        level, step = self._shape.levels[key.level], 2 << key.level
        tile = level.tile_region(key.column, key.row)
        region = Region(tile.x * step, tile.y * step, tile.width * step, tile.height * step).cut_to(self._base.size)
        rows = _halved(self._base.bands(region))
        for _ in range(key.level):
            rows = _halved((band,) for band in evened(rows))
        return PixelArray(np.concatenate(list(rows)), self._shape.pixels)


def overview_levels(base: Level, tile: Size, media_type: str | None) -> tuple[Level, ...]:
    """Halvings of a level, rounded up, until one fits into a tile."""
    levels: list[Level] = []
    while not levels or levels[-1].grid.area > 1:
        reduction = len(levels) + 1
        levels.append(Level(base.size.reduced(reduction), tile, base.downsample * (1 << reduction), media_type))
    return tuple(levels)


def evened(bands: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    """The same rows in bands of even heights, but for the last."""
    left: NDArray[Any] | None = None
    for band in bands:
        rows = band if left is None else np.concatenate((left, band))
        even = rows.shape[0] & ~1
        left = rows[even:] if even < rows.shape[0] else None
        if even:
            yield rows[:even]
    if left is not None:
        yield left


def _halved(bands: Iterable[Iterable[NDArray[Any]]]) -> Iterator[NDArray[Any]]:
    for pieces in bands:
        halves = [halved(piece) for piece in pieces]
        yield halves[0] if len(halves) == 1 else np.concatenate(halves, axis=1)
