"""Deep Zoom: `.../{image}_files/{level}/{column}_{row}.{format}`, under whatever folder."""

from __future__ import annotations

import re

from medtiles.hotspots.asks.ask import Asked, DoubledTile
from medtiles.hotspots.asks.words import decoded, parameters, whole

NAME = "deep-zoom"
_TILE = re.compile(r"/([^/]+)_files/(\d{1,2})/(\d{1,9})_(\d{1,9})\.\w{1,5}$", re.ASCII)


def read(path: str, query: str) -> Asked | None:
    """What an address asks for; None: it is of another protocol."""
    match = _TILE.search(path)
    if match is None:
        return None
    image, level, column, row = match.groups()
    side = whole(parameters(query).get("tile_size", "")) or 0
    return Asked(NAME, decoded(image), (DoubledTile(int(level), int(column), int(row), side, is_from_pixel=True),))
