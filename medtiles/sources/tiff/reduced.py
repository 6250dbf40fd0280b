"""Smaller levels of files that have none: which get them, and how their pages are read from top to bottom."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

from numpy.typing import NDArray

from medtiles.core.geometry import Region, Size
from medtiles.core.pyramid import Level, TileKey
from medtiles.pyramids import Overviews, PyramidFolder, PyramidShape, evened, overview_levels, overview_tile
from medtiles.sources.tiff.page import Page
from medtiles.sources.tiff.readers import MissingTiles, Strips, TileReader, whole
from medtiles.sources.tiff.tags import Photometric
from transcode.codec import Codecs
from transcode.codecs.jpeg import JPEG
from transcode.frames import Frame, PixelArray

LARGEST_COARSEST = 2048
"""Pixels: a coarsest level no larger than this on either side is decoded faster than a pyramid is worth."""
_LOSSY = frozenset({7, 33003, 33005})
"""Values of the Compression tag: JPEG, and JPEG 2000 of Aperio."""
_SWAPPED = frozenset({5, 6, 7, 8})
"""Values of Orientation whose stored rows are the picture's columns."""
_MOST_OPEN = 16
"""Planes whose files in the cache folder are kept open."""


def can_be_reduced(page: Page, level: Level) -> bool:
    """Whether a file whose coarsest level is this one gets smaller ones.

    Indices into palettes and single bits have no averages; strips that stand on their sides would have to be decoded
    once for each column of tiles.
    """
    is_large = max(level.size.width, level.size.height) > LARGEST_COARSEST
    has_averages = page.photometric != Photometric.PALETTE and page.bits > 1
    return is_large and has_averages and (page.is_tiled or page.orientation not in _SWAPPED)


class ReducedLevels:
    """The levels below the coarsest of a file, for each of its planes. Safe to use from several threads."""

    def __init__(self, folder: PyramidFolder, key: str, page: Page, base: Level, codecs: Codecs) -> None:
        """:param key: the file and its version
        :param page: one of those that hold the coarsest level
        """
        pixels = page.pixels()
        is_eight_bit = pixels.bits_stored == 8 and not pixels.signed
        is_lossy = page.compression in _LOSSY and is_eight_bit
        stored = base.tile_size if base.media_type else None
        tile = overview_tile(base.size, stored, pixels.dtype.itemsize * pixels.samples_per_pixel)
        self.levels = overview_levels(base, tile, JPEG.media_type if is_lossy else None)
        self._folder = folder
        self._key = key
        self._codecs = codecs
        self._shape = PyramidShape(self.levels, pixels, is_lossy)
        self._lock = threading.Lock()
        self._open: OrderedDict[int, Overviews] = OrderedDict()
        self._planes: dict[int, Overviews] = {}

    def read(self, reader: TileReader, key: TileKey) -> Frame:
        """A tile that exists.

        :param reader: of the coarsest level of the plane
        :param key: level 0 is the first that the file lacks

        :raises CorruptFrameError, DamagedImageError, TruncatedFileError: the file is broken where the tile lies
        :raises FileChangedError: the file has changed, or has been closed
        """
        if isinstance(reader, MissingTiles):
            return reader.blank(self.levels[key.level].tile_size)
        return self._plane(reader, key.plane).read_tile(key)

    def close(self) -> None:
        """Let go of files in the cache folder; what is being made ends when its file is closed."""
        with self._lock:
            planes = list(self._planes.values())
        for plane in planes:
            plane.close()

    def _plane(self, reader: TileReader, number: int) -> Overviews:
        with self._lock:
            plane = self._planes.get(number)
            if plane is None:
                key = f"{self._key} {number}"
                plane = Overviews(self._folder, key, self._shape, PageBands(reader, self._codecs))
                self._planes[number] = plane
            self._open[number] = plane
            self._open.move_to_end(number)
            oldest = self._open.popitem(last=False)[1] if len(self._open) > _MOST_OPEN else None
        if oldest is not None:
            oldest.rest()
        return plane


class PageBands:
    """Reads a page from top to bottom: whole strips, or rows of tiles, each of them decoded once."""

    def __init__(self, reader: TileReader, codecs: Codecs) -> None:
        self._reader = reader
        self._codecs = codecs

    @property
    def size(self) -> Size:
        """Of the page."""
        return self._reader.size

    def bands(self, region: Region) -> Iterator[Sequence[NDArray[Any]]]:
        """The rows of a region; see `Bands`."""
        if isinstance(self._reader, Strips) and region.width == self.size.width:
            strips = self._reader.bands(region.y, region.bottom)
            return ((band,) for band in evened(band.samples for band in strips))
        return self._rows_of_tiles(region)

    def _rows_of_tiles(self, region: Region) -> Iterator[Sequence[NDArray[Any]]]:
        tile = self._reader.tile_size
        width, height = tile.width * (1 + tile.width % 2), tile.height * (1 + tile.height % 2)
        for y in range(region.y, region.bottom, height):
            rows = min(height, region.bottom - y)
            yield [
                self._part(Region(x, y, min(width, region.right - x), rows)).samples
                for x in range(region.x, region.right, width)
            ]

    def _part(self, region: Region) -> PixelArray:
        return whole(self._reader, self._codecs, region)
