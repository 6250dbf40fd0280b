"""How large pictures may be, and the levels of the pyramid that one of them gets. Pure."""

from __future__ import annotations

from medtiles.core.geometry import Size
from medtiles.core.pyramid import Level

LARGEST_SIDE = 4096
"""Pixels: a picture no larger than this on either side is one tile, and needs no pyramid."""
MOST_PIXELS = 1 << 28
"""Of a picture that is decoded whole, once, to make its pyramid: 800 MB in red, green and blue."""
TILE = Size(512, 512)


LARGEST_COARSEST = 2048
"""Pixels: a file whose coarsest level is larger on a side gets smaller ones; others are decoded without delay."""
_ROW_OF_TILES = 48 * 1024 * 1024
"""Bytes that a row of tiles may take in memory while a pyramid is made; lower tiles are made of wider pictures."""
_STORED_SIDES = range(128, 513, 16)
"""Sides of a file's own tiles that its made levels take over, so that clients see one grid."""


def overview_tile(size: Size, stored: Size | None, pixel_bytes: int) -> Size:
    """The tiles of levels that are made below one of a file.

    :param size: of that level
    :param stored: its tiles, where they are pictures of their own
    """
    tile = stored if stored and stored.width in _STORED_SIDES and stored.height in _STORED_SIDES else TILE
    height = tile.height
    while height % 32 == 0 and height * size.reduced(1).width * pixel_bytes > _ROW_OF_TILES:
        height //= 2
    return Size(tile.width, height)


def levels_of(size: Size, media_type: str | None) -> tuple[Level, ...]:
    """Halvings of a picture, rounded up, until one fits into a tile."""
    levels = [Level(size, TILE, 1.0, media_type)]
    while levels[-1].grid.area > 1:
        reduction = len(levels)
        levels.append(Level(size.reduced(reduction), TILE, float(1 << reduction), media_type))
    return tuple(levels)
