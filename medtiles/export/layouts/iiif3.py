"""A static IIIF Image API 3.0 service of level 0: `info.json` beside `{region}/{size}/0/default.{suffix}`.

The names of tiles are the canonical ones (4.7). `full/max` is the largest whole picture that is offered.
"""

from __future__ import annotations

import json
from functools import partial

from medtiles.core.errors import BadRequestError
from medtiles.core.geometry import Region, Size, ceil_div
from medtiles.core.pyramid import ImageInfo
from medtiles.core.view import View
from medtiles.export.model import Cut, Tile, TileLevel, TileSet, Wanted, cut_level
from medtiles.protocols.http.iiif.versions import V3
from medtiles.protocols.tile_views import served_square

_WHOLE = 1024
"""Pixels of a side up to which whole pictures are offered; a larger one is of use to nobody who has tiles."""
_USUAL = 512
_PLACE = "https://example.org/iiif"
"""Where it lies, when nobody tells; the standard wants an address to stand there."""


def iiif3(wanted: Wanted) -> TileSet:
    """The files of a static image service.

    :raises BadRequestError: tiles that overlap
    """
    if wanted.overlap:
        message = "tiles of IIIF do not overlap"
        raise BadRequestError(message)
    info = wanted.info
    tile = Size(wanted.tile_size, wanted.tile_size) if wanted.tile_size else served_square(info, _USUAL)
    across = max(ceil_div(info.size.width, tile.width), ceil_div(info.size.height, tile.height))
    reductions = range((across - 1).bit_length() + 1)
    levels = []
    for reduction in reductions:
        cut = Cut(info.size.reduced(reduction), tile.width, reduction)
        levels.append(cut_level(wanted, cut, partial(_path, wanted, cut)))
    wholes = _whole_sizes(info.size)
    others = [size for size in wholes if size != info.size.reduced(reductions[-1])]  # that one is a tile
    levels += [_whole(wanted, f"full/{size.width},{size.height}", size) for size in others]
    levels.append(_whole(wanted, "full/max", wholes[0]))
    document = _document(wanted, tile, [1 << reduction for reduction in reductions], wholes)
    return TileSet(tuple(levels), (("info.json", document),))


def _path(wanted: Wanted, cut: Cut, column: int, row: int) -> str:
    region, size = cut.tile(wanted, column, row).view.region, cut.region(column, row)
    is_whole = region.size == wanted.info.size
    place = "full" if is_whole else f"{region.x},{region.y},{region.width},{region.height}"
    return f"{place}/{size.width},{size.height}/0/default.{wanted.suffix}"


def _whole(wanted: Wanted, path: str, size: Size) -> TileLevel:
    full = wanted.info.size
    view = View(Region(0, 0, full.width, full.height), size, wanted.plane)
    file = f"{path}/0/default.{wanted.suffix}"
    return TileLevel(Size(1, 1), lambda _column, _row: Tile(view), lambda _column, _row: file, None)


def _whole_sizes(full: Size) -> list[Size]:
    """The sizes that the whole picture is offered in: halvings of it, the largest first."""
    first = next(reduction for reduction in range(64) if max(_sides(full.reduced(reduction))) <= _WHOLE)
    found = [full.reduced(first)]
    while max(_sides(found[-1])) > 1 and len(found) < 5:
        found.append(full.reduced(first + len(found)))
    return found


def _sides(size: Size) -> tuple[int, int]:
    return size.width, size.height


def _document(wanted: Wanted, tile: Size, scales: list[int], wholes: list[Size]) -> bytes:
    info: ImageInfo = wanted.info
    document = {
        "@context": V3.context,
        "id": wanted.address or f"{_PLACE}/{wanted.name}",
        "type": "ImageService3",
        "protocol": "http://iiif.io/api/image",
        "profile": "level0",
        "width": info.size.width,
        "height": info.size.height,
        "maxWidth": max(wholes[0].width, tile.width),
        "maxHeight": max(wholes[0].height, tile.height),
        "sizes": [{"width": size.width, "height": size.height} for size in reversed(wholes)],
        "tiles": [{"width": tile.width, "height": tile.height, "scaleFactors": scales}],
    }
    if wanted.suffix != "jpg":
        document |= {"preferredFormats": [wanted.suffix], "extraFormats": [wanted.suffix]}
    return json.dumps(document, indent=2).encode()
