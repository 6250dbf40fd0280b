"""Asks a server for the tiles of a list, the most looked at first, so that it and the caches before it have them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

from medtiles.core.geometry import ceil_div
from medtiles.hotspots.asks import rewritten
from medtiles.hotspots.errors import HotspotsError
from medtiles.hotspots.geometry import Geometry
from medtiles.hotspots.images import RemoteImages

_TIMEOUT = 60.0
_MOST_FAILURES = 10
"""That are told one by one."""
_PATTERNS = {
    "deep-zoom": "/dzi/{}_files/0/0_0.jpeg",
    "iip": "/iip?FIF={}&JTL=0,0",
    "zoomify": "/zoomify/{}/TileGroup0/0-0-0.jpg",
}
"""By protocol: the address of a tile, to be rewritten."""
_IIIF = "iiif"
PROTOCOLS = (*_PATTERNS, _IIIF)
"""Whose addresses can be asked for."""


def _address(protocol: str, geometry: Geometry, tile: tuple[int, int, int]) -> str | None:
    """Of a tile by level (0 is full resolution), column and row; None: there is no such tile."""
    image = quote(geometry.id)
    if protocol != _IIIF:
        return rewritten(_PATTERNS[protocol].format(image), geometry, tile)
    left, top, right, bottom = map(int, geometry.tile_rectangle(*tile))
    width, height = (ceil_div(side, 1 << tile[0]) for side in (right - left, bottom - top))
    return f"/iiif/3/{image}/{left},{top},{right - left},{bottom - top}/{width},{height}/0/default.jpg"


@dataclass
class Warmed:
    """What came of it."""

    tiles: int = 0
    bytes: int = 0
    unknown: int = 0
    """Tiles of images that the server does not have, or that the list tells in a protocol's own numbers."""
    failures: list[str] = field(default_factory=list)
    failed: int = 0


def read_list(text: str) -> list[dict[str, Any]]:
    """The tiles of `medtiles hotspots --format json`, or of `/images/{id}/hotspots`; each with its image.

    :raises HotspotsError: it is no such list
    """
    try:
        document = json.loads(text)
        return [{"image": document["image"], **tile} for tile in document["tiles"]]
    except (ValueError, KeyError, TypeError) as error:
        message = "the list is none that `medtiles hotspots --format json` makes"
        raise HotspotsError(message) from error


def warm(
    url: str,
    tiles: Sequence[dict[str, Any]],
    protocol: str = "deep-zoom",
    at_once: int = 4,
    progress: Callable[[], object] = lambda: None,
) -> Warmed:
    """Ask a server for tiles.

    :param at_once: requests under way
    :param progress: called for each tile
    :raises HotspotsError: the server does not answer
    """
    images, found = RemoteImages(url), Warmed()
    with httpx.Client(base_url=url.rstrip("/"), timeout=_TIMEOUT, follow_redirects=True) as client:

        def fetch(address: str) -> tuple[str, int, str]:
            try:
                answer = client.get(address)
            except httpx.HTTPError as error:
                return address, 0, str(error)
            return address, len(answer.content), "" if answer.is_success else f"{answer.status_code}"

        with ThreadPoolExecutor(at_once, "warm") as pool:
            for address, length, problem in pool.map(fetch, _addresses(tiles, images, protocol, found, progress)):
                found.tiles += not problem
                found.bytes += length if not problem else 0
                found.failed += bool(problem)
                if problem and len(found.failures) < _MOST_FAILURES:
                    found.failures.append(f"{address}: {problem}")
                progress()
    return found


def _addresses(
    tiles: Sequence[dict[str, Any]],
    images: RemoteImages,
    protocol: str,
    found: Warmed,
    progress: Callable[[], object],
) -> Iterator[str]:
    for tile in tiles:
        geometry = images.geometry(str(tile["image"]))
        place = [tile.get(name) for name in ("level", "column", "row")]
        is_place = all(isinstance(number, int) and number >= 0 for number in place) and "x" in tile
        address = _address(protocol, geometry, tuple(place)) if geometry is not None and is_place else None  # type: ignore[arg-type]
        if address is None:
            found.unknown += 1
            progress()
        else:
            yield address
