"""Zoomify: `.../{image}/TileGroup{n}/{tier}-{column}-{row}.jpg`."""

from __future__ import annotations

import re

from medtiles.hotspots.asks.ask import Asked, HalvedTile
from medtiles.hotspots.asks.words import decoded, parameters
from medtiles.hotspots.geometry import Geometry

NAME = "zoomify"
_PLACE = re.compile(r"/TileGroup\d{1,9}/\d{1,2}-\d{1,9}-\d{1,9}\.", re.ASCII)
_TILE = re.compile(r"([^/=]*)/TileGroup\d{1,9}/(\d{1,2})-(\d{1,9})-(\d{1,9})\.\w{1,5}", re.ASCII)


def read(path: str, query: str) -> Asked | None:
    """What an address asks for; None: it is of another protocol. IIPImage takes it as a parameter, `Zoomify=...`."""
    named = path if "TileGroup" in path else parameters(query).get("zoomify", "")
    match = _TILE.search(named)
    if match is None:
        return None
    image, tier, column, row = match.groups()
    return Asked(NAME, decoded(image), (HalvedTile(int(tier), int(column), int(row)),))


def rewritten(target: str, geometry: Geometry, tile: tuple[int, int, int]) -> str | None:
    """The address of another tile of the same image, asked for likewise; None: the address is of another protocol.

    :param tile: level (0 is full resolution), column and row
    """
    tier = geometry.level_count - 1 - tile[0]
    if _PLACE.search(target) is None or tier < 0:
        return None
    return _PLACE.sub(f"/TileGroup0/{tier}-{tile[1]}-{tile[2]}.", target)
