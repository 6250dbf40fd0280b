"""What was found of a tile, as bytes that outlive the process. Whatever is damaged in them is found anew."""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from typing import Protocol

FORMAT = f"1 {sys.byteorder}"
"""Names the form of the bytes: those of another are of no use."""
_COUNTS = struct.Struct("<II")
"""Packets; those whose headers lie elsewhere. For each of these: its number, and bytes of its header."""
_LEVEL = 1
"""Of zlib: offsets grow, lengths are alike."""


class KeptTiles(Protocol):
    """Where what was found is kept. Safe to use from several threads."""

    def load(self, tile: int) -> bytes | None:
        """What was kept of a tile; None: nothing."""

    def save(self, tile: int, data: bytes) -> None:
        """Keep it, if that is possible."""


def packed(offsets: array[int], lengths: array[int], headers: dict[int, bytes]) -> bytes:
    """Where packets lie, as bytes."""
    parts = [_COUNTS.pack(len(offsets), len(headers)), offsets.tobytes(), lengths.tobytes()]
    for number, header in headers.items():
        parts += [_COUNTS.pack(number, len(header)), header]
    return zlib.compress(b"".join(parts), _LEVEL)


def unpacked(data: bytes, count: int, end: int) -> tuple[array[int], array[int], dict[int, bytes]] | None:
    """The inverse of `packed`; None: it is damaged, or of something else.

    :param count: of packets that there are
    :param end: of the codestream: no packet lies beyond
    """
    try:
        plain = zlib.decompress(data)
        packets, headers = _COUNTS.unpack_from(plain)
    except (zlib.error, struct.error):
        return None
    offsets, lengths = array("q"), array("I")
    at = _COUNTS.size + count * offsets.itemsize
    behind = at + count * lengths.itemsize
    if packets != count or len(plain) < behind:
        return None
    offsets.frombytes(plain[_COUNTS.size : at])
    lengths.frombytes(plain[at:behind])
    found: dict[int, bytes] = {}
    for _ in range(headers):
        if len(plain) < behind + _COUNTS.size:
            return None
        number, length = _COUNTS.unpack_from(plain, behind)
        behind += _COUNTS.size + length
        found[number] = plain[behind - length : behind]
    is_inside = all(map(end.__ge__, map(int.__add__, offsets, lengths)))
    return (offsets, lengths, found) if behind == len(plain) and is_inside else None
