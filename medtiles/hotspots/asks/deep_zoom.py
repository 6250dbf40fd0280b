"""Deep Zoom: `.../{image}_files/{level}/{column}_{row}.{format}`, under whatever folder."""

from __future__ import annotations

import re

from medtiles.hotspots.asks.ask import Asked, DoubledTile
from medtiles.hotspots.asks.words import decoded, parameters, whole
from medtiles.hotspots.geometry import Geometry

NAME = "deep-zoom"
_PLACE = re.compile(r"_files/\d{1,2}/\d{1,9}_\d{1,9}\.", re.ASCII)
_TILE = re.compile(r"/([^/]+)_files/(\d{1,2})/(\d{1,9})_(\d{1,9})\.\w{1,5}$", re.ASCII)


def read(path: str, query: str) -> Asked | None:
    """What an address asks for; None: it is of another protocol."""
    match = _TILE.search(path)
    if match is None:
        return None
    image, level, column, row = match.groups()
    side = whole(parameters(query).get("tile_size", "")) or 0
    return Asked(NAME, decoded(image), (DoubledTile(int(level), int(column), int(row), side, is_from_pixel=True),))


def rewritten(target: str, geometry: Geometry, tile: tuple[int, int, int]) -> str | None:
    """The address of another tile of the same image, asked for likewise; None: the address is of another protocol.

    :param tile: level (0 is full resolution), column and row
    """
    path, mark, query = target.partition("?")
    level = (max(geometry.size.width, geometry.size.height) - 1).bit_length() - tile[0]
    if _TILE.search(path) is None or level < 0:
        return None
    return _PLACE.sub(f"_files/{level}/{tile[1]}_{tile[2]}.", path) + mark + query
