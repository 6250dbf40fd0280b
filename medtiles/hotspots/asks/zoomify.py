"""Zoomify: `.../{image}/TileGroup{n}/{tier}-{column}-{row}.jpg`."""

from __future__ import annotations

import re

from medtiles.hotspots.asks.ask import Asked, HalvedTile
from medtiles.hotspots.asks.words import decoded, parameters

NAME = "zoomify"
_TILE = re.compile(r"([^/=]*)/TileGroup\d{1,9}/(\d{1,2})-(\d{1,9})-(\d{1,9})\.\w{1,5}", re.ASCII)


def read(path: str, query: str) -> Asked | None:
    """What an address asks for; None: it is of another protocol. IIPImage takes it as a parameter, `Zoomify=...`."""
    named = path if "TileGroup" in path else parameters(query).get("zoomify", "")
    match = _TILE.search(named)
    if match is None:
        return None
    image, tier, column, row = match.groups()
    return Asked(NAME, decoded(image), (HalvedTile(int(tier), int(column), int(row)),))
