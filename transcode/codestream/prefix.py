"""The beginning of a codestream as a smaller codestream of its own: nothing is decoded, every decoder reads it.

Bytes up to where a resolution is complete (see `resolutions`) are all that a smaller picture needs, but their main
header promises more. Here it is rewritten by `halving`, and TLM and TNsot with the tile-parts that are there; pointers
into packets (PLM, PLT) are left out.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from transcode.codestream.halving import reduced
from transcode.codestream.headers import Segment, read_header
from transcode.codestream.markers import Marker, name_of
from transcode.codestream.segments import read_cod, read_siz, refuse
from transcode.errors import CorruptFrameError, UnsupportedFeatureError

_SOT = struct.Struct(">HHIBB")
"""Its length, Isot, Psot, TPsot, TNsot."""
_LEFT_OUT = frozenset({Marker.PLM, Marker.PLT, Marker.TLM})
_CHANGES_ORDER = frozenset({Marker.COC, Marker.QCC, Marker.POC, Marker.PPM, Marker.PPT})
_LONG_TLM = 0x60
"""Stlm: tiles of 16 bits, lengths of 32."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A tile-part, or what there is of it: header segments behind SOT, and packets."""

    number: int
    header: bytes
    packets: bytes

    @property
    def length(self) -> int:
        """Psot: with SOT and SOD."""
        return 2 + _SOT.size + len(self.header) + 2 + len(self.packets)


def prefix_codestream(prefix: bytes, reduction: int) -> bytes:
    """The codestream of the picture that is complete with these bytes, halved so many times.

    :param prefix: of a codestream, as far as the resolution is complete, and no further
    :raises UnsupportedFeatureError: it has several tiles, or its packets are not in the order of resolutions
    :raises CorruptFrameError: it is no beginning of a codestream, or has fewer resolutions
    """
    segments, position = read_header(prefix, 2, Marker.SOT) if prefix[:2] == b"\xff\x4f" else ([], 0)
    if not segments:
        raise refuse("SOC", 0, "this is no codestream")
    _require_simple(segments, reduction)
    parts = list(_parts(prefix, position))
    pieces = [prefix[:2]]
    has_tlm = any(segment.code == Marker.TLM for segment in segments)
    pieces += [reduced(segment, reduction) for segment in segments if segment.code not in _LEFT_OUT]
    if has_tlm:
        pieces.append(_tlm(parts))
    for part in parts:
        sot = _SOT.pack(10, 0, part.length, part.number, len(parts))
        pieces += [b"\xff\x90", sot, part.header, b"\xff\x93", part.packets]
    return b"".join([*pieces, b"\xff\xd9"])


def _require_simple(segments: list[Segment], reduction: int) -> None:
    cod = next((segment for segment in segments if segment.code == Marker.COD), None)
    if segments[0].code != Marker.SIZ or cod is None:
        raise refuse("SIZ", 2, "SIZ comes first, and COD must be there")
    found = read_cod(cod.data[4:], cod.offset).decompositions
    if not 0 <= reduction <= found:
        message = f"COD has {found} decompositions: no picture is halved {reduction} times"
        raise CorruptFrameError(message)
    siz = read_siz(segments[0].data[4:], 2)
    changing = [name_of(segment.code) for segment in segments if segment.code in _CHANGES_ORDER]
    if siz.tile_count > 1 or changing:
        what = f"{siz.tile_count} tiles" if siz.tile_count > 1 else ", ".join(changing)
        message = f"a codestream with {what} has no beginning that is a smaller picture"
        raise UnsupportedFeatureError(message)


def _parts(data: bytes, position: int) -> Iterator[_Part]:
    """The tile-parts that there are; the last may be cut."""
    while position + 2 + _SOT.size <= len(data) and data[position : position + 2] == b"\xff\x90":
        _, _, length, number, _ = _SOT.unpack_from(data, position + 2)
        stop = min(position + length, len(data)) if length else len(data)
        segments, start = read_header(data, position + 2 + _SOT.size, Marker.SOD)
        if start + 2 > stop:
            raise refuse("SOT", position, f"Psot {length} is shorter than its header")
        kept = b"".join(segment.data for segment in segments if segment.code not in _LEFT_OUT)
        yield _Part(number, kept, data[start + 2 : stop])
        position = stop


def _tlm(parts: list[_Part]) -> bytes:
    entries = b"".join(struct.pack(">HI", 0, part.length) for part in parts)
    return struct.pack(">HHBB", Marker.TLM, 4 + len(entries), 0, _LONG_TLM) + entries
