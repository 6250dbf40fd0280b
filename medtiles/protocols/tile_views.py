"""What protocols of tiles have in common: which tile size they serve, and what a tile shows. Pure."""

from __future__ import annotations

from medtiles.core.errors import TileOutOfRangeError
from medtiles.core.geometry import Region, Size
from medtiles.core.pyramid import ImageInfo
from medtiles.core.view import View

LEAST_SIDE, MOST_SIDE = 64, 2048
"""Of stored tiles that are served as they are: neither tiny nor huge."""
_USUAL = 256


def served_tile(info: ImageInfo) -> Size:
    """The tile size: the stored one where it can be, else a usual one."""
    stored = info.levels[0].tile_size
    is_usable = all(LEAST_SIDE <= side <= MOST_SIDE for side in (stored.width, stored.height))
    return stored if is_usable else Size(_USUAL, _USUAL)


def served_square(info: ImageInfo, usual: int = _USUAL) -> Size:
    """The same for protocols whose tiles are squares.

    :param usual: side of those that are served where the stored ones cannot be
    """
    stored = info.levels[0].tile_size
    is_square = stored.width == stored.height
    return stored if is_square and served_tile(info) == stored else Size(usual, usual)


def tile_part(level: Size, tile: Size, place: tuple[int, int, int]) -> Region:
    """What a tile covers on its level.

    :param place: the level's number for errors, column and row
    :raises TileOutOfRangeError: there is no such tile
    """
    number, column, row = place
    grid = level.grid(tile)
    if column >= grid.width or row >= grid.height:
        message = f"tile {column}, {row}: level {number} has {grid.width} columns and {grid.height} rows"
        raise TileOutOfRangeError(message)
    return Region(column * tile.width, row * tile.height, tile.width, tile.height).cut_to(level)


def enlarged_view(part: Region, reduction: int, size: Size, plane: int) -> View:
    """A part of a level as a rectangle of the full-resolution image at the part's size.

    :param reduction: how many halvings the level is away from full resolution, whose size is `size`
    """
    base = Region(part.x << reduction, part.y << reduction, part.width << reduction, part.height << reduction)
    return View(base.cut_to(size), part.size, plane)
