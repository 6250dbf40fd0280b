"""What addresses of all protocols ask for. One protocol is one module, and one line of the table."""

from __future__ import annotations

import json

from medtiles.hotspots.asks import deep_zoom, dicomweb, iiif, iip, jpip, maps, own, zoomify
from medtiles.hotspots.asks.ask import Ask, Asked
from medtiles.hotspots.geometry import Geometry

_READERS = (iip.read, deep_zoom.read, zoomify.read, iiif.read, dicomweb.read, jpip.read, own.read, maps.read)
"""The first that knows an address takes it."""
PROTOCOLS = (
    iip.NAME,
    deep_zoom.NAME,
    zoomify.NAME,
    iiif.NAME,
    dicomweb.NAME,
    jpip.NAME,
    own.NAME,
    own.GRPC,
    maps.NAME,
)


def read_target(target: str) -> Asked | None:
    """What the target of a request asks for, as it stands in a log; None: for no part of an image.

    It may be a whole URL, as proxies have it, and may be escaped as Apache, nginx or JSON do.
    """
    text = _unescaped(target) if "\\" in target else target
    if "://" in text[:16]:
        text = "/" + text.partition("://")[2].partition("/")[2]
    path, _, query = text.partition("?")
    for read in _READERS:
        found = read(path, query)
        if found is not None:
            return found
    return None


def rewritten(target: str, geometry: Geometry, tile: tuple[int, int, int]) -> str | None:
    """The address of another tile, asked for likewise, by those protocols that count tiles as a geometry does.

    :param tile: level (0 is full resolution), column and row
    """
    across, down = geometry.grid(tile[0]).width, geometry.grid(tile[0]).height
    if not (0 <= tile[0] < geometry.level_count and 0 <= tile[1] < across and 0 <= tile[2] < down):
        return None
    found = (module.rewritten(target, geometry, tile) for module in (deep_zoom, zoomify, iip))
    return next((address for address in found if address is not None), None)


def _unescaped(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"'))
    except ValueError:
        return text.replace('\\"', '"').replace("\\\\", "\\")


__all__ = ["PROTOCOLS", "Ask", "Asked", "read_target", "rewritten"]
