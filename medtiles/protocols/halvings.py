"""Pyramids that viewers work out for themselves: each level is half the next one, rounded down. Pure.

Zoomify and IIP count so: level 0 is the smallest, which fits one tile.
"""

from __future__ import annotations

from medtiles.core.errors import TileOutOfRangeError
from medtiles.core.geometry import Region, Size, ceil_div
from medtiles.core.view import View


def halved(size: Size, tile: Size) -> tuple[Size, ...]:
    """The sizes of all levels, the smallest first."""
    found = [size]
    while found[-1].width > tile.width or found[-1].height > tile.height:
        found.append(Size(max(1, found[-1].width // 2), max(1, found[-1].height // 2)))
    return tuple(reversed(found))


def grid_of(level: Size, tile: Size) -> Size:
    """Columns and rows of tiles."""
    return Size(ceil_div(level.width, tile.width), ceil_div(level.height, tile.height))


def halved_view(size: Size, tile: Size, place: tuple[int, int, int], plane: int = 0) -> View:
    """A tile as a rectangle of the full-resolution image at a size.

    :param place: level, column and row
    :raises TileOutOfRangeError: there is no such tile
    """
    number, column, row = place
    levels = halved(size, tile)
    if number >= len(levels):
        message = f"level {number}: the image has levels 0 to {len(levels) - 1}"
        raise TileOutOfRangeError(message)
    level = levels[number]
    grid = grid_of(level, tile)
    if column >= grid.width or row >= grid.height:
        message = f"tile {column}, {row}: level {number} has {grid.width} columns and {grid.height} rows"
        raise TileOutOfRangeError(message)
    part = Region(column * tile.width, row * tile.height, tile.width, tile.height).cut_to(level)
    halvings = len(levels) - 1 - number
    base = Region(part.x << halvings, part.y << halvings, part.width << halvings, part.height << halvings)
    return View(base.cut_to(size), part.size, plane)
