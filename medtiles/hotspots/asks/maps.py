"""Maps' tiles: `/xyz/{image}/{z}/{x}/{y}.{format}`, of 256 pixels a side."""

from __future__ import annotations

import re

from medtiles.hotspots.asks.ask import Asked, DoubledTile
from medtiles.hotspots.asks.words import decoded

NAME = "xyz"
SIDE = 256
_TILE = re.compile(r"/([^/]+)/(\d{1,2})/(\d{1,9})/(\d{1,9})(?:@2x)?\.(?:png|jpe?g|webp|avif)$", re.ASCII)


def read(path: str, _query: str) -> Asked | None:
    """What an address asks for; None: it is of another protocol."""
    match = _TILE.search(path)
    if match is None:
        return None
    image, z, x, y = match.groups()
    return Asked(NAME, decoded(image), (DoubledTile(int(z), int(x), int(y), SIDE),))
