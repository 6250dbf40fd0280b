"""Components that all have fewer samples than the reference grid has points: their picture on a grid of its own.

Nothing of the packets depends on XRsiz and YRsiz when all components share them and every boundary of the reference
grid can be divided by them: bounds of components, precincts and code-blocks come out the same (ISO/IEC 15444-1 B.2 to
B.7), so only SIZ is rewritten. Only progressions that compare positions across resolutions could then be in another
order, and only where the image does not begin at a sample.
"""

from __future__ import annotations

import struct

from transcode.codestream.markers import Codestream, Marker, Siz
from transcode.errors import CorruptFrameError

_GRID = struct.Struct(">8I")
_GRID_OFFSET = 8
"""Of Xsiz, within the codestream: SIZ comes first."""
_COMPONENTS_OFFSET = _GRID_OFFSET + _GRID.size + 2
_BY_POSITION = frozenset({"PCRL", "CPRL"})
_CHANGES_ORDER = frozenset({Marker.COD, Marker.POC})


def has_whole_tiles(codestream: Codestream) -> bool:
    """Whether every tile begins at a sample, and packets keep their order, as far as that shows."""
    siz = codestream.siz
    dx, dy = siz.subsampling
    if siz.tile_count > 1 and (siz.tile_width % dx or siz.tile_x0 % dx or siz.tile_height % dy or siz.tile_y0 % dy):
        return False
    return not (siz.x0 % dx or siz.y0 % dy) or not (
        codestream.cod.progression in _BY_POSITION
        or Marker.POC in codestream.markers
        or any(not _CHANGES_ORDER.isdisjoint(part.markers) for part in codestream.tile_parts)
    )


def without_subsampling(data: bytes, codestream: Codestream) -> bytes:
    """The codestream with one point of the reference grid for each sample; itself where it has that already.

    `has_whole_tiles` must hold.

    :raises CorruptFrameError: its components have no sample
    """
    siz = codestream.siz
    dx, dy = siz.subsampling
    if (dx, dy) == (1, 1):
        return data
    if min(siz.picture_size) < 1:
        message = f"SIZ: no sample of a component subsampled {dx} x {dy} lies in the image"
        raise CorruptFrameError(message)
    header = bytearray(data[: codestream.header_length])
    _GRID.pack_into(header, _GRID_OFFSET, *_grid(siz, dx, dy))
    for number in range(len(siz.components)):
        struct.pack_into(">BB", header, _COMPONENTS_OFFSET + 3 * number + 1, 1, 1)
    return bytes(header) + data[codestream.header_length :]


def _grid(siz: Siz, dx: int, dy: int) -> tuple[int, ...]:
    x0, y0, x1, y1 = -(-siz.x0 // dx), -(-siz.y0 // dy), -(-siz.x1 // dx), -(-siz.y1 // dy)
    if siz.tile_count == 1:
        return x1, y1, x0, y0, x1 - x0, y1 - y0, x0, y0
    return x1, y1, x0, y0, siz.tile_width // dx, siz.tile_height // dy, siz.tile_x0 // dx, siz.tile_y0 // dy
