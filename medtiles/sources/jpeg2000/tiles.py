"""Where the tiles of a JPEG 2000 file come from: cut out of the codestream, the codestream whole, or decoded."""

from __future__ import annotations

import threading
from typing import Protocol

import numpy as np

from medtiles.core.geometry import Size
from medtiles.core.pyramid import Level, TileKey
from medtiles.pyramids import LARGEST_SIDE, DecodedPicture
from medtiles.sources.jpeg2000.stored import Stored
from transcode.codestream import Codestream, can_cut, cut_tile
from transcode.errors import CorruptFrameError
from transcode.files import StableFile
from transcode.frames import Frame, PixelArray

_SMALLEST_TILE = 16
"""Pixels: reductions that would make tiles smaller are left to the engine."""
_SMALLEST_LEVEL = 64
"""Pixels: a level no larger than this on either side is not reduced further."""
_KEPT_BYTES = 8 << 20
"""Of decoded components that are kept."""


class Tiles(Protocol):
    """Where tiles come from."""

    levels: tuple[Level, ...]

    def read_tile(self, key: TileKey) -> Frame:
        """A tile that exists."""

    def close(self) -> None:
        """Let go of the file."""


def has_even_grid(codestream: Codestream) -> bool:
    """Whether tiles can be cut out, and all but those at the right and lower edge have one size."""
    siz = codestream.siz
    return (
        siz.tile_count > 1
        and siz.x0 == siz.tile_x0 == 0
        and siz.y0 == siz.tile_y0 == 0
        and max(siz.tile_width, siz.tile_height) <= LARGEST_SIDE
        and not any(component.dx > 1 or component.dy > 1 for component in siz.components)
        and can_cut(codestream)
    )


class CutTiles:
    """Codestream tiles as tiles, each cut out as a codestream of its own."""

    def __init__(self, stored: Stored) -> None:
        self._stored = stored
        siz = stored.codestream.siz
        levels = [Level(stored.size, Size(siz.tile_width, siz.tile_height), 1.0, stored.encoding.media_type)]
        for reduction in range(1, stored.codestream.decompositions + 1):
            if (siz.tile_width | siz.tile_height) & ((1 << reduction) - 1):
                break
            tile = Size(siz.tile_width >> reduction, siz.tile_height >> reduction)
            if min(tile.width, tile.height) < _SMALLEST_TILE:
                break
            levels.append(Level(stored.size.reduced(reduction), tile, float(1 << reduction)))
        self.levels = tuple(levels)

    def read_tile(self, key: TileKey) -> Frame:
        """The codestream tile, to be decoded with the level as its reduction.

        :raises CorruptFrameError: the file lacks it
        """
        stored, level = self._stored, self.levels[key.level]
        number = key.row * level.grid.width + key.column
        if not stored.codestream.parts_of(number):
            message = f"{stored.file.name}: codestream tile {number} is missing"
            raise CorruptFrameError(message)
        data = cut_tile(stored.codestream, number, stored.read)
        return stored.frame(data, level.tile_region(key.column, key.row).size, key.level)

    def close(self) -> None:
        """Let go of the file."""
        self._stored.file.close()


class WholeCodestream:
    """One tile on each level: the codestream as it is stored."""

    def __init__(self, stored: Stored) -> None:
        self._stored = stored
        self.levels = _reductions(stored, stored.encoding.media_type)

    def read_tile(self, key: TileKey) -> Frame:
        """The codestream, to be decoded with the level as its reduction."""
        data = self._stored.read(0, self._stored.codestream.length)
        return self._stored.frame(data, self.levels[key.level].size, key.level)

    def close(self) -> None:
        """Let go of the file."""
        self._stored.file.close()


class ComponentPlanes:
    """Components as planes, one tile on each level. Safe to use from several threads.

    No decoder gives a component alone, so all are decoded for one; they are kept while they are small and wanted.
    """

    def __init__(self, stored: Stored) -> None:
        self._stored = stored
        self._lock = threading.Lock()
        self._kept: tuple[int, PixelArray] | None = None
        self.levels = _reductions(stored, None)

    def read_tile(self, key: TileKey) -> Frame:
        """A component, at the reduction of the level.

        :raises CorruptFrameError: the codestream does not decode
        :raises FileChangedError: the file has changed, or this has been closed
        """
        samples = self._decoded(key.level).samples[:, :, key.plane : key.plane + 1]
        return PixelArray(np.ascontiguousarray(samples), self._stored.pixels)

    def close(self) -> None:
        """Let go of the file."""
        self._stored.file.close()
        with self._lock:
            self._kept = None

    def _decoded(self, reduction: int) -> PixelArray:
        with self._lock:
            if self._kept is not None and self._kept[0] == reduction:
                self._stored.read(0, 0)  # refuses when the file has changed
                return self._kept[1]
            decoded = self._stored.decode_planes(reduction)
            self._kept = (reduction, decoded) if decoded.samples.nbytes <= _KEPT_BYTES else None
            return decoded


def _reductions(stored: Stored, media_type: str | None) -> tuple[Level, ...]:
    """The levels that the codestream itself has, of one tile each, until one is small.

    :param media_type: of full resolution, where that is handed out as it is stored
    """
    levels = [Level(stored.size, stored.size, 1.0, media_type)]
    for reduction in range(1, stored.codestream.decompositions + 1):
        size = stored.size.reduced(reduction)
        if max(levels[-1].size.width, levels[-1].size.height) <= _SMALLEST_LEVEL:
            break
        levels.append(Level(size, size, float(1 << reduction)))
    return tuple(levels)


class DecodedTiles:
    """Tiles of the decoded picture."""

    def __init__(self, picture: DecodedPicture, file: StableFile) -> None:
        self._picture = picture
        self._file = file
        self.levels = picture.levels

    def read_tile(self, key: TileKey) -> Frame:
        """A tile of the decoded picture."""
        return self._picture.read_tile(key)

    def close(self) -> None:
        """Let go of the file."""
        self._picture.close()
        self._file.close()
