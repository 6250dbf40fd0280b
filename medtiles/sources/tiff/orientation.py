"""Pages that are stored turned or mirrored (Orientation, TIFF 6.0): shown upright, put together tile by tile."""

from __future__ import annotations

import numpy as np

from medtiles.core.geometry import Region, Size
from medtiles.sources.tiff.readers import TileReader, whole
from transcode.codec import Codecs
from transcode.frames import Frame, PixelArray

UPRIGHT = 1
_MIRRORED_X = frozenset({2, 3, 7, 8})
"""Orientations whose stored rows, once upright axes are taken, run from right to left."""
_MIRRORED_Y = frozenset({3, 4, 6, 7})
_SWAPPED = frozenset({5, 6, 7, 8})
"""Orientations whose stored rows are the picture's columns."""


def is_turned(orientation: int) -> bool:
    """Whether pixels must be moved to show a page; values that TIFF does not know count as upright."""
    return 1 < orientation <= 8


class Upright:
    """Reads a page that is stored turned or mirrored as it is meant to be seen."""

    media_type: str | None = None

    def __init__(self, reader: TileReader, orientation: int, codecs: Codecs) -> None:
        self._reader = reader
        self._codecs = codecs
        self._is_swapped = orientation in _SWAPPED
        self._is_mirrored_x = orientation in _MIRRORED_X
        self._is_mirrored_y = orientation in _MIRRORED_Y
        self.size = self._turned(reader.size)
        self.tile_size = self._turned(reader.tile_size)

    def read(self, column: int, row: int) -> Frame:
        """A tile, cut at the edges of the picture."""
        x, y = column * self.tile_size.width, row * self.tile_size.height
        width, height = min(self.tile_size.width, self.size.width - x), min(self.tile_size.height, self.size.height - y)
        if self._is_swapped:
            x, y, width, height = y, x, height, width
        if self._is_mirrored_x:
            x = self._reader.size.width - x - width
        if self._is_mirrored_y:
            y = self._reader.size.height - y - height
        stored = whole(self._reader, self._codecs, Region(x, y, width, height))
        samples = stored.samples[:: -1 if self._is_mirrored_y else 1, :: -1 if self._is_mirrored_x else 1]
        if self._is_swapped:
            samples = samples.transpose(1, 0, 2)
        return PixelArray(np.ascontiguousarray(samples), stored.format)

    def _turned(self, size: Size) -> Size:
        return Size(size.height, size.width) if self._is_swapped else size
