"""Pyramids that viewers work out for themselves: each level is half the next one, rounded down. Pure.

Zoomify and IIP count so: level 0 is the smallest, which fits one tile.
"""

from __future__ import annotations

from medtiles.core.errors import TileOutOfRangeError
from medtiles.core.geometry import Size
from medtiles.core.view import View
from medtiles.protocols.tile_views import enlarged_view, tile_part


def halved(size: Size, tile: Size) -> tuple[Size, ...]:
    """The sizes of all levels, the smallest first."""
    found = [size]
    while found[-1].width > tile.width or found[-1].height > tile.height:
        found.append(Size(max(1, found[-1].width // 2), max(1, found[-1].height // 2)))
    return tuple(reversed(found))


def halved_view(size: Size, tile: Size, place: tuple[int, int, int], plane: int = 0) -> View:
    """A tile as a rectangle of the full-resolution image at a size.

    :param place: level, column and row
    :raises TileOutOfRangeError: there is no such tile
    """
    number = place[0]
    levels = halved(size, tile)
    if number >= len(levels):
        message = f"level {number}: the image has levels 0 to {len(levels) - 1}"
        raise TileOutOfRangeError(message)
    return enlarged_view(tile_part(levels[number], tile, place), len(levels) - 1 - number, size, plane)
