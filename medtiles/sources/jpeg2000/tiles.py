"""Where the tiles of a JPEG 2000 file come from: cut out of the codestream, the codestream whole, or decoded once."""

from __future__ import annotations

from typing import Protocol

from medtiles.core.geometry import Size
from medtiles.core.pyramid import Level, TileKey
from medtiles.pyramids import LARGEST_SIDE, DecodedPicture
from medtiles.sources.jpeg2000.stored import Stored
from transcode.codestream import Codestream, can_cut, cut_tile
from transcode.errors import CorruptFrameError
from transcode.files import StableFile
from transcode.frames import Frame

_SMALLEST_TILE = 16
"""Pixels: reductions that would make tiles smaller are left to the engine."""
_SMALLEST_LEVEL = 64
"""Pixels: a level no larger than this on either side is not reduced further."""


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
        levels = [Level(stored.size, stored.size, 1.0, stored.encoding.media_type)]
        for reduction in range(1, stored.codestream.decompositions + 1):
            size = stored.size.reduced(reduction)
            if max(levels[-1].size.width, levels[-1].size.height) <= _SMALLEST_LEVEL:
                break
            levels.append(Level(size, size, float(1 << reduction)))
        self.levels = tuple(levels)

    def read_tile(self, key: TileKey) -> Frame:
        """The codestream, to be decoded with the level as its reduction."""
        data = self._stored.read(0, self._stored.codestream.length)
        return self._stored.frame(data, self.levels[key.level].size, key.level)

    def close(self) -> None:
        """Let go of the file."""
        self._stored.file.close()


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
