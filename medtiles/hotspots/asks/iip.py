"""IIP: `?FIF=image&JTL=level,index`; also PTL WTL ATL TTL, TIL, JTLS, and CVT with RGN, WID and HEI."""

from __future__ import annotations

import re

from medtiles.hotspots.asks.ask import Ask, Asked, IndexedTile, TileSpan, Window
from medtiles.hotspots.asks.words import decimals, parameters, whole, wholes
from medtiles.hotspots.geometry import Geometry, Rectangle

NAME = "iip"
_PLACE = re.compile(r"([?&](?:jtl|ptl|wtl|atl|ttl)=)\d{1,9},\d{1,9}", re.ASCII | re.IGNORECASE)
_TILES = ("jtl", "ptl", "wtl", "atl", "ttl")


def read(_path: str, query: str) -> Asked | None:
    """What an address asks for; None: it is of another protocol."""
    if "=" not in query or not query[:2048].lower().count("fif="):
        return None
    words = parameters(query)
    image = words.get("fif")
    if not image:
        return None
    found = _asked(words)
    return Asked(NAME, image, (found,) if found is not None else ())


def _asked(words: dict[str, str]) -> Ask | None:
    for name in _TILES:
        if name in words:
            numbers = wholes(words[name], 2)
            return IndexedTile(*numbers) if numbers else None
    if "jtls" in words:
        numbers = wholes(words["jtls"], 4)
        return IndexedTile(numbers[1], numbers[2]) if numbers else None
    if "til" in words:
        level, _, span = words["til"].partition(",")
        first, dash, last = span.partition("-")
        ends = whole(level), whole(first), whole(last if dash else first)
        return TileSpan(ends[0], ends[1], ends[2]) if None not in ends else None  # type: ignore[arg-type]
    return _view(words) if "cvt" in words else None


def _view(words: dict[str, str]) -> Window | None:
    region, width, height = words.get("rgn"), whole(words.get("wid", "")), whole(words.get("hei", ""))
    numbers = decimals(region, 4) if region is not None else [0.0, 0.0, 1.0, 1.0]
    if numbers is None:
        return None
    x, y, across, down = numbers
    text = region or "0,0,1,1"
    return Window(Rectangle(x, y, x + across, y + down), width or 0, height or 0, text=text, is_share=True)


def rewritten(target: str, geometry: Geometry, tile: tuple[int, int, int]) -> str | None:
    """The address of another tile of the same image, asked for likewise; None: the address is of another protocol.

    :param tile: level (0 is full resolution), column and row
    """
    level = geometry.level_count - 1 - tile[0]
    if _PLACE.search(target) is None or level < 0:
        return None
    index = tile[2] * geometry.grid(tile[0]).width + tile[1]
    return _PLACE.sub(rf"\g<1>{level},{index}", target)
