"""The packets of a codestream, found tile by tile as they are asked for."""

from __future__ import annotations

import threading
from array import array
from collections import Counter, OrderedDict
from collections.abc import Iterator

from transcode.codestream import Codestream, TilePart
from transcode.codestream.headers import Segment, main_segments, read_header
from transcode.codestream.markers import Marker
from transcode.codestream.segments import refuse
from transcode.errors import CorruptFrameError, UnsupportedFeatureError
from transcode.packet_index.coding import Codings, TileCoding
from transcode.packet_index.kept import KeptTiles, packed, unpacked
from transcode.packet_index.layout import TileLayout, lay_out
from transcode.packet_index.walking import Packet, Read, Walk

_SOT_LENGTH = 12
_KEPT_BYTES = 64 << 20
_MIXED = 0xC0
_PACKETS_A_BYTE = 8
"""More than a whole tile has: an empty packet takes a byte. Those that were cut short may have fewer bytes."""
_NOT_FOUND = -1
_LARGE = 4096
"""Code-blocks of a tile from which on it takes longer to find its packets than to read where they lie."""
_BYTES_OF_STATE = 16
"""What packet headers have said of a code-block, while more of them are to be read."""


class TileIndex:
    """Where the packets of one tile lie. `PacketIndex` makes it and completes it."""

    def __init__(self, tile: int, coding: TileCoding, layout: TileLayout, walk: Iterator[Packet]) -> None:
        self.tile = tile
        self.coding = coding
        self.layout = layout
        count = layout.precincts * coding.layers
        self.offsets = array("q", [_NOT_FOUND]) * count
        """Of each packet within the codestream, its SOP left out; at `precinct * layers + layer`. -1: not there."""
        self.lengths = array("I", bytes(4 * count))
        """Of its header and body, or of its body alone where headers are packed elsewhere."""
        self.packed_headers: dict[int, bytes] = {}
        """By the same index, where the codestream has them in PPM or PPT; with EPH."""
        self._waiting = Counter(layout.resolution)
        for r in self._waiting:
            self._waiting[r] *= coding.layers
        self._walk: Iterator[Packet] | None = walk

    @property
    def is_whole(self) -> bool:
        """Whether all packets are found that there are."""
        return self._walk is None

    def packed(self) -> bytes:
        """Where its packets lie, as bytes that `restore` takes."""
        return packed(self.offsets, self.lengths, self.packed_headers)

    def restore(self, data: bytes, end: int) -> None:
        """Take what was found before; damaged bytes change nothing.

        :param end: of the codestream
        """
        found = unpacked(data, len(self.offsets), end)
        if found is not None:
            self.offsets, self.lengths, self.packed_headers = found
            self._walk = None

    def complete(self, j2k_resolution: int | None = None) -> None:
        """Find the packets of all resolutions up to one, or of all.

        :raises CorruptFrameError: a packet header cannot be believed; naming the packet
        """
        while self._walk is not None and self._is_waiting(j2k_resolution):
            packet = next(self._walk, None)
            if packet is None:
                self._walk = None
                return
            index = packet.precinct * self.coding.layers + packet.layer
            self.offsets[index], self.lengths[index] = packet.offset, packet.length
            if packet.packed_header:
                self.packed_headers[index] = packet.packed_header
            self._waiting[self.layout.resolution[packet.precinct]] -= 1
        if not self._is_waiting(None):
            self._walk = None  # all are found: what their headers have said is of no more use

    def _is_waiting(self, j2k_resolution: int | None) -> bool:
        return any(left and (j2k_resolution is None or r <= j2k_resolution) for r, left in self._waiting.items())

    def packets(self, precinct: int) -> list[tuple[bytes, int, int]]:
        """For each quality layer that is there: its header where that is packed elsewhere, offset and length."""
        first = precinct * self.coding.layers
        found = []
        for packet in range(first, first + self.coding.layers):
            if self.offsets[packet] == _NOT_FOUND:
                break
            found.append((self.packed_headers.get(packet, b""), self.offsets[packet], self.lengths[packet]))
        return found

    @property
    def nbytes(self) -> int:
        """About how much memory it takes."""
        own = 12 * len(self.offsets) + 48 * self.layout.precincts + sum(map(len, self.packed_headers.values()))
        return own if self._walk is None else own + _BYTES_OF_STATE * self.layout.blocks


class PacketIndex:
    """Where the packets of a codestream lie. Safe to use from several threads."""

    def __init__(
        self, codestream: Codestream, read: Read, kept_bytes: int = _KEPT_BYTES, kept: KeptTiles | None = None
    ) -> None:
        """Read the main header.

        :param read: bytes of the codestream; called as tiles are asked for
        :param kept_bytes: of tiles that are kept in memory; those used least recently are found anew
        :param kept: keeps large tiles for other processes, and for later; None: nothing does
        :raises CorruptFrameError: COD, COC, POC or PPM say what the standard does not allow
        """
        self.codestream = codestream
        self._read = read
        self._kept_bytes = kept_bytes
        self._elsewhere = kept
        main = main_segments(read(0, codestream.header_length))
        self._codings = Codings(len(codestream.siz.components), main)
        self._packed = _packed_by_part(main, codestream.tile_parts)
        self._lock = threading.RLock()
        self._tiles: OrderedDict[int, TileIndex] = OrderedDict()
        self._kept = 0
        """Bytes that these take."""

    def tile(self, tile: int, j2k_resolution: int | None = None) -> TileIndex:
        """A tile whose packets are found, up to a resolution or all.

        :raises CorruptFrameError: the codestream is broken there; naming the packet and its offset
        :raises UnsupportedFeatureError: its code-blocks are of both coders
        """
        with self._lock:
            found = self._tiles.pop(tile, None)
            if found is None:
                found = self._open(tile)
            else:
                self._kept -= found.nbytes
            was_whole = found.is_whole
            found.complete(j2k_resolution)  # where that fails, its walk broke off: it is not kept
            if self._elsewhere is not None and found.is_whole and not was_whole and _is_large(found):
                self._elsewhere.save(tile, found.packed())
            self._tiles[tile] = found
            self._kept += found.nbytes
            while self._kept > self._kept_bytes and len(self._tiles) > 1:
                self._kept -= self._tiles.popitem(last=False)[1].nbytes
            return found

    def header_segments(self, tile: int) -> list[Segment]:
        """The segments of the headers of all the tile-parts of a tile, in order; SOT left out.

        :raises CorruptFrameError: a tile-part ends within its header
        """
        return [segment for part in self.codestream.parts_of(tile) for segment in self._part_segments(part)]

    def _part_segments(self, part: TilePart) -> list[Segment]:
        header = self._read(part.offset, part.header_length)
        return read_header(header, _SOT_LENGTH, Marker.SOD)[0]

    def _open(self, tile: int) -> TileIndex:
        coding = self._codings.of_tile(self.header_segments(tile))
        if any(component.block_style & _MIXED == _MIXED for component in coding.components):
            message = f"tile {tile} has code-blocks of both coders side by side (MIXED)"
            raise UnsupportedFeatureError(message)
        layout = lay_out(self.codestream.siz, tile, coding)
        parts = [(part, self._packed_headers(part)) for part in self.codestream.parts_of(tile)]
        held = sum(part.length + len(packed or b"") for part, packed in parts)
        if layout.precincts * coding.layers > _PACKETS_A_BYTE * held:
            message = f"tile {tile}: {layout.precincts * coding.layers} packets do not lie in {held} bytes"
            raise CorruptFrameError(message)
        opened = TileIndex(tile, coding, layout, Walk(tile, coding, layout, self._read, parts))
        before = self._elsewhere.load(tile) if self._elsewhere is not None and _is_large(opened) else None
        if before is not None:
            opened.restore(before, max(part.end for part, _ in parts))
        return opened

    def _packed_headers(self, part: TilePart) -> bytes | None:
        """The packet headers of a tile-part that lie elsewhere (PPM, PPT); None: they lie before their bodies."""
        if Marker.PPM in self.codestream.markers:
            return self._packed.get(part.offset, b"")
        if Marker.PPT not in part.markers:
            return None
        bodies = [each.body for each in self._part_segments(part) if each.code == Marker.PPT]
        return b"".join(body[1:] for body in sorted(bodies, key=lambda body: body[:1]))


def _is_large(index: TileIndex) -> bool:
    return index.layout.blocks >= _LARGE


def _packed_by_part(main: list[Segment], parts: tuple[TilePart, ...]) -> dict[int, bytes]:
    """The packet headers of PPM, by the offset of the tile-part that they belong to (A.7.4).

    :raises CorruptFrameError: they end in the middle
    """
    segments = sorted((each for each in main if each.code == Marker.PPM), key=lambda each: each.body[:1])
    joined = b"".join(each.body[1:] for each in segments)
    found, at = {}, 0
    for part in parts if segments else ():
        length = int.from_bytes(joined[at : at + 4])
        at += 4
        if at + length > len(joined):
            raise refuse("PPM", segments[0].offset, f"{length} bytes for the tile-part at byte {part.offset}")
        found[part.offset] = joined[at : at + length]
        at += length
    return found
