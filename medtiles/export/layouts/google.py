"""Maps' tiles: `{z}/{y}/{x}.{suffix}`, `blank.png` for tiles that are not there, and a TileJSON."""

from __future__ import annotations

import json
from functools import partial

import numpy as np

from medtiles.core.errors import BadRequestError
from medtiles.core.geometry import Size
from medtiles.core.view import Finish
from medtiles.export.model import Cut, Tile, TileLevel, TileSet, Wanted
from medtiles.protocols.http.xyz import SIDE, max_z, tile_view, tilejson
from transcode.codec import EncodeOptions
from transcode.codecs.png import PngCodec
from transcode.frames import RGB8, PixelArray


def google(wanted: Wanted) -> TileSet:
    """The files of a pyramid for maps.

    :raises BadRequestError: tiles that overlap
    """
    if wanted.overlap:
        message = "tiles of maps do not overlap"
        raise BadRequestError(message)
    side = wanted.tile_size or SIDE
    info = wanted.info
    last = max_z(info.size, side)
    full = Size(side, side)
    levels = []
    for z in range(last, -1, -1):
        size = info.size.reduced(last - z)
        levels.append(TileLevel(size.grid(full), partial(_tile, wanted, side, z), Cut(size, side, last - z)))
    address = f"{wanted.address or '.'}/{{z}}/{{y}}/{{x}}.{wanted.suffix}"
    document = json.dumps(tilejson(info, wanted.name, address, side), indent=2).encode()
    documents = (("blank.png", _blank(side, info.background)), ("tilejson.json", document))
    return TileSet(tuple(levels), documents)


def _tile(wanted: Wanted, side: int, z: int, column: int, row: int) -> Tile:
    view = tile_view(wanted.info.size, (z, column, row), wanted.plane, side)
    full = Size(side, side)
    finish = None if view.size == full else Finish(padded=full)
    return Tile(f"{z}/{row}/{column}.{wanted.suffix}", view, finish)


def _blank(side: int, background: tuple[int, int, int]) -> bytes:
    samples = np.full((side, side, 3), background, np.uint8)
    return PngCodec().encode(PixelArray(samples, RGB8), EncodeOptions()).data
