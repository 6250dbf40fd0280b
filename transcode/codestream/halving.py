"""Header segments of a codestream for the same picture with fewer resolutions.

SIZ gets sides that are halved and rounded up, COD and COC fewer decompositions and precincts, QCD and QCC fewer steps.
Bounds of subbands, precincts and code-blocks are counted from the origin of the reference grid at their own resolution
(ISO/IEC 15444-1 B.5 to B.7), so leaving the finest ones out moves none of the others, and quantization steps are of
each subband alone or, derived, of its distance from the lowest (E-5), which stays.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from transcode.codestream.headers import Segment
from transcode.codestream.markers import Marker
from transcode.codestream.segments import refuse

_GRID = struct.Struct(">8I")
_XSIZ, _SCOD, _SCOC, _SQCD = 6, 4, 4, 4
_NUMBER_IN_COD = 9
"""Where they stand in their segments; in COC and QCC behind the number of the component."""


def reduced(segment: Segment, reduction: int, wide: int = 1) -> bytes:
    """A segment for the picture whose sides are halved so many times.

    :param wide: bytes of the number of a component (COC, QCC): two where there are more than 256
    :raises CorruptFrameError: COD or COC have fewer decompositions
    """
    smaller = _SMALLER.get(segment.code)
    return smaller(segment, reduction, wide) if smaller is not None and reduction else segment.data


def _smaller_grid(segment: Segment, reduction: int, _: int) -> bytes:
    data = segment.data
    grid = _GRID.unpack_from(data, _XSIZ)
    return data[:_XSIZ] + _GRID.pack(*(-(-value >> reduction) for value in grid)) + data[_XSIZ + _GRID.size :]


def _fewer_decompositions(segment: Segment, style: int, at: int, reduction: int) -> bytes:
    """COD with the number at an offset lowered; precinct sizes stand at the end, the lowest resolution's first."""
    data = segment.data
    if len(data) <= at or data[at] < reduction:
        raise refuse(Marker(segment.code).name, segment.offset, f"no picture is halved {reduction} times")
    changed = bytearray(data[: len(data) - reduction] if data[style] & 1 else data)
    changed[at] -= reduction
    struct.pack_into(">H", changed, 2, len(changed) - 2)
    return bytes(changed)


def _fewer_steps(data: bytes, at: int, reduction: int) -> bytes:
    """QCD without the steps of the finest subbands, three for each resolution."""
    style = data[at] & 31
    width = {0: 1, 2: 2}.get(style, 0)
    kept = bytearray(data[: max(at + 1 + width, len(data) - 3 * reduction * width)])
    struct.pack_into(">H", kept, 2, len(kept) - 2)
    return bytes(kept)


_SMALLER: dict[int, Callable[[Segment, int, int], bytes]] = {
    Marker.SIZ: _smaller_grid,
    Marker.COD: lambda cod, reduction, _: _fewer_decompositions(cod, _SCOD, _NUMBER_IN_COD, reduction),
    Marker.COC: lambda coc, reduction, wide: _fewer_decompositions(coc, _SCOC + wide, _SCOC + wide + 1, reduction),
    Marker.QCD: lambda qcd, reduction, _: _fewer_steps(qcd.data, _SQCD, reduction),
    Marker.QCC: lambda qcc, reduction, wide: _fewer_steps(qcc.data, _SQCD + wide, reduction),
}
