"""Walking a codestream from marker to marker (ISO/IEC 15444-1 A.3)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from transcode.codestream import segments
from transcode.codestream.markers import Codestream, Marker, Siz, TilePart, TlmEntry, is_bare, name_of
from transcode.errors import CorruptFrameError
from transcode.files import RandomAccess

_BLOCK = 4096
"""Bytes that are read of a file at once."""
_LEAST_TILE_PART = 14
"""SOT with its segment, and SOD."""
_LAST_TILE_PART = 254
"""TPsot of the last that a tile may have (A.4.2)."""
_ONCE = frozenset({Marker.SIZ, Marker.CAP, Marker.COD, Marker.QCD})


class _Window:
    """Checked access to the bytes of a codestream, in memory or in a file."""

    def __init__(self, data: bytes | memoryview | RandomAccess, start: int, length: int | None) -> None:
        self._data = data
        self._start = start
        whole = len(data) if isinstance(data, bytes | memoryview) else data.size
        if start < 0 or start > whole or (length is not None and not 0 <= length <= whole - start):
            message = f"a codestream from byte {start}, {length} bytes long, does not lie within {whole} bytes"
            raise CorruptFrameError(message)
        self.size = whole - start if length is None else length
        self._block = b""
        self._block_offset = 0

    def read(self, offset: int, length: int, what: str) -> bytes:
        """Exactly these bytes.

        :raises CorruptFrameError: the codestream ends before them
        """
        if offset + length > self.size:
            raise segments.refuse(what, offset, f"{length} bytes are wanted, {max(0, self.size - offset)} are left")
        if isinstance(self._data, bytes | memoryview):
            return bytes(self._data[self._start + offset : self._start + offset + length])
        at = offset - self._block_offset
        if at < 0 or at + length > len(self._block):
            self._block = self._data.read(self._start + offset, min(max(length, _BLOCK), self.size - offset))
            self._block_offset, at = offset, 0
        return self._block[at : at + length]

    def marker(self, offset: int, what: str) -> int:
        """The code of the marker at an offset.

        :raises CorruptFrameError: there is none
        """
        code = int.from_bytes(self.read(offset, 2, what))
        if code < 0xFF01:
            raise segments.refuse(what, offset, f"there is no marker, but {code:04X}")
        return code


@dataclass(slots=True)
class _Segment:
    """One marker segment of a header."""

    code: int
    offset: int
    body: bytes
    end: int
    """The offset of the next marker."""


def parse(data: bytes | memoryview | RandomAccess, offset: int = 0, length: int | None = None) -> Codestream:
    """Read the structure of the codestream that lies in some bytes or in a part of a file.

    Bytes after EOC are ignored (DICOM pads frames to an even length). A missing EOC is told by `Codestream.has_eoc`.

    :raises CorruptFrameError: naming the marker and its offset
    :raises TruncatedFileError, FileChangedError: the file became shorter, or another one
    """
    window = _Window(data, offset, length)
    if window.size < 2 or window.marker(0, "SOC") != Marker.SOC:
        raise segments.refuse("SOC", 0, "this is no codestream")
    found = {}
    tlm: list[TlmEntry] = []
    markers: list[int] = []
    position = 2
    for segment in _header(window, position, Marker.SOT):
        _require_order(segment, markers)
        markers.append(segment.code)
        if segment.code in _ONCE:
            found[segment.code] = segment
        elif segment.code == Marker.TLM:
            tlm.extend(segments.read_tlm(segment.body, segment.offset))
        position = segment.end
    for needed in (Marker.SIZ, Marker.COD, Marker.QCD):
        if needed not in found:
            raise segments.refuse(needed.name, position, "the main header has none")
    siz = segments.read_siz(found[Marker.SIZ].body, found[Marker.SIZ].offset)
    cap = found.get(Marker.CAP)
    parts = tuple(_tile_parts(window, position, siz))
    end = parts[-1].end
    has_eoc = end + 2 <= window.size and window.marker(end, "EOC") == Marker.EOC
    return Codestream(
        siz=siz,
        cap=segments.read_cap(cap.body, cap.offset) if cap else None,
        cod=segments.read_cod(found[Marker.COD].body, found[Marker.COD].offset),
        qcd=segments.read_qcd(found[Marker.QCD].body, found[Marker.QCD].offset),
        markers=tuple(markers),
        tlm=tuple(tlm),
        tile_parts=parts,
        header_length=position,
        length=end + 2 if has_eoc else end,
        has_eoc=has_eoc,
    )


def _require_order(segment: _Segment, markers: list[int]) -> None:
    name = name_of(segment.code)
    if (segment.code == Marker.SIZ) != (not markers):
        raise segments.refuse(name, segment.offset, "SIZ comes first, and once")
    if segment.code in _ONCE and segment.code in markers:
        raise segments.refuse(name, segment.offset, "the main header has two")


def _header(window: _Window, offset: int, last: Marker) -> Iterator[_Segment]:
    """The segments of a header up to the marker that ends it, which is left for the caller."""
    while (code := window.marker(offset, f"header before {last.name}")) != last:
        name = name_of(code)
        if code in {Marker.SOC, Marker.SOT, Marker.SOD, Marker.EOC}:
            raise segments.refuse(name, offset, f"it stands in a header, before {last.name}")
        if is_bare(code):
            yield _Segment(code, offset, b"", offset + 2)
            offset += 2
            continue
        length = int.from_bytes(window.read(offset + 2, 2, name))
        if length < 2:
            raise segments.refuse(name, offset, f"length {length}")
        yield _Segment(code, offset, window.read(offset + 4, length - 2, name), offset + 2 + length)
        offset += 2 + length


def _tile_parts(window: _Window, offset: int, siz: Siz) -> Iterator[TilePart]:
    seen: set[tuple[int, int]] = set()
    is_more = True
    while is_more:
        part = _tile_part(window, offset, siz)
        if (part.tile, part.part) in seen:
            raise segments.refuse("SOT", offset, f"part {part.part} of tile {part.tile} comes twice")
        if part.parts == part.part > 0 and (part.tile, part.part - 1) not in seen:
            raise segments.refuse(
                "SOT", offset, f"part {part.part} of {part.parts} of tile {part.tile} comes too early"
            )
        seen.add((part.tile, part.part))
        yield part
        offset = part.end
        is_more = offset + 2 <= window.size and window.marker(offset, "SOT") != Marker.EOC


def _tile_part(window: _Window, offset: int, siz: Siz) -> TilePart:
    sot = window.read(offset, 12, "SOT")
    code, size, tile, length, part, parts = struct.unpack(">HHHIBB", sot)
    if code != Marker.SOT or size != 10:
        raise segments.refuse("SOT", offset, f"there is {name_of(code)} of {size} bytes")
    if tile >= siz.tile_count or (parts and part > min(parts, _LAST_TILE_PART)):
        raise segments.refuse("SOT", offset, f"part {part} of {parts} of tile {tile}, there are {siz.tile_count} tiles")
    length = length or _to_the_end(window, offset)
    if length < _LEAST_TILE_PART or length > window.size - offset:
        raise segments.refuse("SOT", offset, f"Psot {length}, {window.size - offset} bytes are left")
    position = offset + 12
    markers: list[int] = []
    packet_lengths: list[bytes] = []
    for segment in _header(window, position, Marker.SOD):
        markers.append(segment.code)
        if segment.code == Marker.PLT:
            packet_lengths.append(segment.body)
        position = segment.end
    header_length = position + 2 - offset
    if header_length > length:
        raise segments.refuse("SOT", offset, f"Psot {length} is shorter than the header of {header_length} bytes")
    packet_lengths.sort(key=lambda body: body[:1])  # by Zplt, their index
    joined = b"".join(body[1:] for body in packet_lengths)
    return TilePart(tile, part, parts, offset, length, header_length, tuple(markers), joined)


def _to_the_end(window: _Window, offset: int) -> int:
    """Psot of 0: the tile-part reaches to EOC (a byte of padding may follow it), or to the end where there is none."""
    last = window.read(window.size - 3, 3, "EOC")
    for behind in (2, 3):
        if last[3 - behind : 5 - behind] == Marker.EOC.to_bytes(2):
            return window.size - offset - behind
    return window.size - offset
