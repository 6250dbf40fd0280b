"""How large pictures may be, and the levels of the pyramid that one of them gets. Pure."""

from __future__ import annotations

from medtiles.core.geometry import Size
from medtiles.core.pyramid import Level

LARGEST_SIDE = 4096
"""Pixels: a picture no larger than this on either side is one tile, and needs no pyramid."""
MOST_PIXELS = 1 << 28
"""Of a picture that is decoded whole, once, to make its pyramid: 800 MB in red, green and blue."""
TILE = Size(512, 512)


def levels_of(size: Size, media_type: str | None) -> tuple[Level, ...]:
    """Halvings of a picture, rounded up, until one fits into a tile."""
    levels = [Level(size, TILE, 1.0, media_type)]
    while levels[-1].grid.area > 1:
        reduction = len(levels)
        levels.append(Level(size.reduced(reduction), TILE, float(1 << reduction), media_type))
    return tuple(levels)
