"""Zoomify: `ImageProperties.xml` beside `TileGroup{n}/{tier}-{column}-{row}.{suffix}`."""

from __future__ import annotations

from functools import partial
from itertools import accumulate

from medtiles.core.errors import BadRequestError
from medtiles.core.geometry import Size
from medtiles.export.model import Cut, TileSet, Wanted, cut_level
from medtiles.protocols.halvings import halved
from medtiles.protocols.http.zoomify import properties
from medtiles.protocols.tile_views import served_square

_GROUP = 256
"""Tiles of a group, counted from the smallest tier on, row by row."""


def zoomify(wanted: Wanted) -> TileSet:
    """The files of a Zoomify pyramid.

    :raises BadRequestError: tiles that overlap
    """
    if wanted.overlap:
        message = "tiles of Zoomify do not overlap"
        raise BadRequestError(message)
    info = wanted.info
    tile = Size(wanted.tile_size, wanted.tile_size) if wanted.tile_size else served_square(info)
    sizes = halved(info.size, tile)
    before = [0, *accumulate(size.grid(tile).area for size in sizes)]
    levels = []
    for tier, size in enumerate(sizes):
        cut = Cut(size, tile.width, len(sizes) - 1 - tier)
        columns = size.grid(tile).width
        levels.append(cut_level(wanted, cut, partial(_path, wanted, (tier, before[tier], columns))))
    return TileSet(tuple(reversed(levels)), (("ImageProperties.xml", properties(info.size, tile)),))


def _path(wanted: Wanted, tier: tuple[int, int, int], column: int, row: int) -> str:
    """:param tier: its number, the tiles before it, and its columns"""
    number, before, columns = tier
    return f"TileGroup{(before + row * columns + column) // _GROUP}/{number}-{column}-{row}.{wanted.suffix}"
