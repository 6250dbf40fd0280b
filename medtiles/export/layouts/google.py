"""Maps' tiles: `{z}/{y}/{x}.{suffix}`, `blank.png` for tiles that are not there, and a TileJSON."""

from __future__ import annotations

import json
from functools import partial

import numpy as np

from medtiles.core.errors import BadRequestError
from medtiles.export.model import Cut, TileSet, Wanted, cut_level
from medtiles.protocols.http.xyz import SIDE, max_z, tilejson
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
    levels = []
    for z in range(last, -1, -1):
        cut = Cut(info.size.reduced(last - z), side, last - z, is_padded=True)
        levels.append(cut_level(wanted, cut, partial(_path, wanted, z)))
    address = f"{wanted.address or '.'}/{{z}}/{{y}}/{{x}}.{wanted.suffix}"
    document = json.dumps(tilejson(info, wanted.name, address, side), indent=2).encode()
    documents = (("blank.png", _blank(side, info.background)), ("tilejson.json", document))
    return TileSet(tuple(levels), documents)


def _path(wanted: Wanted, z: int, column: int, row: int) -> str:
    return f"{z}/{row}/{column}.{wanted.suffix}"


def _blank(side: int, background: tuple[int, int, int]) -> bytes:
    samples = np.full((side, side, 3), background, np.uint8)
    return PngCodec().encode(PixelArray(samples, RGB8), EncodeOptions()).data
