"""Smaller levels of files that have none: which get them, and how their pages are read from top to bottom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from numpy.typing import NDArray

from medtiles.core.geometry import Region, Size
from medtiles.core.pyramid import Level
from medtiles.pyramids import (
    LARGEST_COARSEST,
    PlaneOverviews,
    PyramidFolder,
    PyramidShape,
    evened,
    overview_levels,
    overview_tile,
)
from medtiles.sources.tiff.page import Page
from medtiles.sources.tiff.readers import Strips, TileReader, whole
from medtiles.sources.tiff.tags import Photometric
from transcode.codec import Codecs
from transcode.codecs.jpeg import JPEG

_LOSSY = frozenset({7, 33003, 33005})
"""Values of the Compression tag: JPEG, and JPEG 2000 of Aperio."""
_SWAPPED = frozenset({5, 6, 7, 8})
"""Values of Orientation whose stored rows are the picture's columns."""


def can_be_reduced(page: Page, level: Level) -> bool:
    """Whether a file whose coarsest level is this one gets smaller ones.

    Indices into palettes and single bits have no averages; strips that stand on their sides would have to be decoded
    once for each column of tiles.
    """
    is_large = max(level.size.width, level.size.height) > LARGEST_COARSEST
    has_averages = page.photometric != Photometric.PALETTE and page.bits > 1
    return is_large and has_averages and (page.is_tiled or page.orientation not in _SWAPPED)


def reduced_levels(folder: PyramidFolder, key: str, page: Page, base: Level) -> PlaneOverviews:
    """The levels that are made below the coarsest of a file.

    :param key: the file and its version
    :param page: one of those that hold the coarsest level
    """
    pixels = page.pixels()
    is_lossy = page.compression in _LOSSY and pixels.bits_stored == 8 and not pixels.signed
    stored = base.tile_size if base.media_type else None
    tile = overview_tile(base.size, stored, pixels.dtype.itemsize * pixels.samples_per_pixel)
    levels = overview_levels(base, tile, JPEG.media_type if is_lossy else None)
    return PlaneOverviews(folder, key, PyramidShape(levels, pixels, is_lossy))


class PageBands:
    """Reads a page from top to bottom: whole strips, or rows of tiles, each of them decoded once."""

    def __init__(self, reader: TileReader, codecs: Codecs) -> None:
        self._reader = reader
        self._codecs = codecs

    @property
    def size(self) -> Size:
        """Of the page."""
        return self._reader.size

    def bands(self, region: Region) -> Iterator[Iterable[NDArray[Any]]]:
        """The rows of a region; see `Bands`."""
        if isinstance(self._reader, Strips) and region.width == self.size.width:
            strips = self._reader.bands(region.y, region.bottom)
            return ((band,) for band in evened(band.samples for band in strips))
        return self._rows_of_tiles(region)

    def _rows_of_tiles(self, region: Region) -> Iterator[Iterable[NDArray[Any]]]:
        tile = self._reader.tile_size
        width, height = tile.width * (1 + tile.width % 2), tile.height * (1 + tile.height % 2)
        for y in range(region.y, region.bottom, height):
            rows = min(height, region.bottom - y)
            yield (
                whole(self._reader, self._codecs, Region(x, y, min(width, region.right - x), rows)).samples
                for x in range(region.x, region.right, width)
            )
