"""The marker segments of a header whose bytes are at hand, one after another (ISO/IEC 15444-1 A.1)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from transcode.codestream.markers import Marker, is_bare, name_of
from transcode.codestream.segments import refuse

POINTERS = frozenset({Marker.TLM, Marker.PLM})
"""Of the main header: they speak of the file."""
_GRID = struct.Struct(">8I")
_XSIZ = 6
"""Where it stands in SIZ: behind the marker, its length and Rsiz."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A marker segment, whole: marker, length, body."""

    code: int
    data: bytes
    offset: int

    @property
    def body(self) -> bytes:
        """What follows its length."""
        return self.data[4:]


def main_segments(header: bytes) -> list[Segment]:
    """The segments of a main header that ends before the first SOT.

    :raises CorruptFrameError: it ends within one
    """
    return read_header(header + Marker.SOT.to_bytes(2), 2, Marker.SOT)[0]


def with_grid(header: bytes, grid: tuple[int, ...]) -> bytes:
    """A main header for another image and tiles on the reference grid; what points into the file is left out.

    :param grid: Xsiz, Ysiz, XOsiz, YOsiz, XTsiz, YTsiz, XTOsiz, YTOsiz (A.5.1)
    :raises CorruptFrameError: it ends within a segment
    """
    kept = [header[:2]]
    for segment in main_segments(header):
        if segment.code == Marker.SIZ:
            kept.append(segment.data[:_XSIZ] + _GRID.pack(*grid) + segment.data[_XSIZ + _GRID.size :])
        elif segment.code not in POINTERS:
            kept.append(segment.data)
    return b"".join(kept)


def read_header(data: bytes, position: int, last: Marker) -> tuple[list[Segment], int]:
    """The segments up to a marker, and where that stands.

    :raises CorruptFrameError: the bytes end before that marker
    """
    found = []
    while (code := int.from_bytes(data[position : position + 2])) != last:
        length = 2 if is_bare(code) else 2 + int.from_bytes(data[position + 2 : position + 4])
        if code < 0xFF01 or length < (2 if is_bare(code) else 4) or position + length > len(data):
            raise refuse(name_of(code), position, f"a header that ends before {last.name}")
        found.append(Segment(code, data[position : position + length], position))
        position += length
    return found, position
