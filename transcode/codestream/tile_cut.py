"""One tile of a codestream as a codestream of its own: nothing is decoded, nothing is lost.

SIZ is rewritten to end where the tile ends, and SOT to say tile 0 and how many tile-parts there are. Wavelet, precincts
and code-blocks are laid out from the origin of the reference grid, so the tile may be moved to the origin only when
that lays them out alike: when tiles are squares of a power of two, no smaller than the longest wavelet reaches. Other
tiles keep their place, as an image with an offset; every decoder of Part 1 reads that.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from transcode.codestream.headers import with_grid
from transcode.codestream.markers import Codestream, Marker, Siz

Read = Callable[[int, int], bytes]
"""Bytes of the codestream from an offset, so many."""
_KEEPS_TILE = frozenset({Marker.PPM})
_LEAST_SOT = 12


def can_cut(codestream: Codestream) -> bool:
    """Whether tiles can be cut out: packet headers packed into the main header (PPM) belong to all of them."""
    return _KEEPS_TILE.isdisjoint(codestream.markers)


def cut_tile(codestream: Codestream, tile: int, read: Read) -> bytes:
    """A tile as a codestream; `can_cut` must hold, and the tile must be there.

    :raises CorruptFrameError: what `read` raises when bytes are missing
    """
    pieces = [with_grid(read(0, codestream.header_length), _grid(codestream, tile))]
    parts = codestream.parts_of(tile)
    is_one_short = any(part.part == part.parts > 0 for part in parts)
    for part in parts:
        data = read(part.offset, part.length)
        count = part.parts + 1 if is_one_short and part.parts else part.parts
        pieces.append(data[:4] + struct.pack(">HIBB", 0, part.length, part.part, count) + data[_LEAST_SOT:])
    pieces.append(Marker.EOC.to_bytes(2))
    return b"".join(pieces)


def _grid(codestream: Codestream, tile: int) -> tuple[int, ...]:
    siz = codestream.siz
    x0, y0, x1, y1 = siz.tile_bounds(tile)
    row, column = divmod(tile, siz.tiles_across)
    left, top = siz.tile_x0 + column * siz.tile_width, siz.tile_y0 + row * siz.tile_height
    shift_x, shift_y = (left, top) if can_move(siz, codestream.decompositions) else (0, 0)
    ends = (x1 - shift_x, y1 - shift_y, x0 - shift_x, y0 - shift_y)
    return *ends, siz.tile_width, siz.tile_height, left - shift_x, top - shift_y


def can_move(siz: Siz, decompositions: int) -> bool:
    """Whether a tile has the same packets at the origin and in its place."""
    return (
        siz.tile_x0 == siz.tile_y0 == 0
        and all(side.bit_count() == 1 and side >> decompositions for side in (siz.tile_width, siz.tile_height))
        and all(component.dx == component.dy == 1 for component in siz.components)
    )
