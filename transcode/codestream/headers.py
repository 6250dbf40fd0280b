"""The marker segments of a header whose bytes are at hand, one after another (ISO/IEC 15444-1 A.1)."""

from __future__ import annotations

from dataclasses import dataclass

from transcode.codestream.markers import Marker, is_bare, name_of
from transcode.codestream.segments import refuse


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
