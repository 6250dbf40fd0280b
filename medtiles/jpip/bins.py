"""The data-bins of a codestream (ISO/IEC 15444-9 A.3): what a server sends, and what a client keeps."""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from medtiles.jpip.messages import BinClass
from transcode.codestream import Codestream, Siz, parse
from transcode.codestream.headers import Segment, read_header
from transcode.codestream.markers import Marker
from transcode.codestream.segments import read_cod, read_siz, refuse
from transcode.errors import CorruptFrameError, UnsupportedFeatureError
from transcode.packet_index import PacketIndex, TileIndex, TileLayout
from transcode.packet_index.coding import Codings
from transcode.packet_index.layout import lay_out

Read = Callable[[int, int], bytes]
"""Bytes of the codestream: from an offset, so many."""
_POINTERS = frozenset({Marker.TLM, Marker.PLM})
"""Of the main header: they speak of the file."""
_OF_PACKETS = frozenset({Marker.PLT, Marker.PPT})
"""Of the header of a tile-part."""
_OF_CODING = frozenset({Marker.COD, Marker.COC, Marker.QCD, Marker.QCC, Marker.RGN, Marker.POC})
"""What the header of a tile may say otherwise than the main header (table A.1)."""
_SHORT_REACH, _LONG_REACH = 4, 8
"""The synthesis of the 5-3 wavelet reaches two samples beyond a region, that of the 9-7 four, and twice as far through
all coarser levels together (15444-1 F.3)."""
_KEPT_TILES = 32 << 20
"""Bytes of codestreams of tiles that are kept."""
_KEPT_INDEX = 64 << 20
_SOT = struct.Struct(">HHHIBB")


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of a data-bin that lie together."""

    length: int
    offset: int
    """Within the codestream; -1: they are `data`."""
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class DataBin:
    """A data-bin of known length."""

    bin_class: BinClass
    bin_id: int
    pieces: tuple[Piece, ...]
    reader: Read
    """Of what `pieces` lie in."""
    ends: tuple[int, ...] = ()
    """Natural boundaries: where each quality layer of a precinct, or each tile-part of a tile, ends."""

    @property
    def length(self) -> int:
        """In bytes."""
        return sum(piece.length for piece in self.pieces)

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of it, as many as there are.

        :raises FileChangedError, TruncatedFileError: what it lies in is no longer what it was
        """
        found = []
        for piece in self.pieces:
            taken = min(length, piece.length - offset)
            if taken > 0:
                is_here = piece.offset < 0
                found.append(
                    piece.data[offset : offset + taken] if is_here else self.reader(piece.offset + offset, taken)
                )
                length -= taken
            offset = max(0, offset - piece.length)
        return b"".join(found)


class TilePrecincts(Protocol):
    """The precincts of a tile, found as far as the resolution that was asked for."""

    @property
    def layout(self) -> TileLayout:
        """How the tile is divided."""

    def precinct(self, number: int) -> DataBin:
        """The packets of a precinct, layer after layer (A.3.2).

        :param number: within the layout
        """


class Bins(Protocol):
    """The data-bins of one codestream. Safe to use from several threads."""

    siz: Siz
    layers: int
    decompositions: int
    reach: int
    """How far beyond a region the synthesis of its wavelet goes, in samples of each resolution."""

    def main_header(self, *, of_tile_parts: bool = False) -> DataBin:
        """SOC and all that stands before the first SOT, without pointers into the file (A.3.5).

        :param of_tile_parts: for a JPT-stream, where packed packet headers are still needed
        """

    def tile_header(self, tile: int) -> DataBin:
        """The marker segments of a tile's tile-parts, but SOT, SOD and what speaks of packets (A.3.4).

        :raises CorruptFrameError: a tile-part ends within its header
        """

    def tile(self, tile: int) -> DataBin:
        """All tile-parts of a tile, as they are (A.3.3)."""

    def tile_end(self, tile: int, j2k_resolution: int) -> int:
        """Bytes of the tile's data-bin (of tile-parts) in which all packets up to a resolution lie.

        :raises CorruptFrameError: the codestream is broken there
        """

    def precincts(self, tile: int, j2k_resolution: int) -> TilePrecincts:
        """The precincts of a tile.

        :raises CorruptFrameError: the codestream is broken there; naming the packet and its offset
        :raises UnsupportedFeatureError: its code-blocks are of both coders
        """


def text_bin(bin_class: BinClass, bin_id: int, data: bytes) -> DataBin:
    """A data-bin that is in memory."""
    return DataBin(bin_class, bin_id, (Piece(len(data), -1, data),), _read_nothing)


class CodestreamBins:
    """Those of a codestream that lies somewhere as a whole."""

    def __init__(self, read: Read, codestream: Codestream, kept_bytes: int = _KEPT_INDEX) -> None:
        """Begin.

        :param kept_bytes: that the index of its packets may take
        :raises CorruptFrameError: the main header is broken
        """
        self.codestream = codestream
        self.siz = codestream.siz
        self.layers = codestream.cod.layers
        self.decompositions = codestream.decompositions
        may_differ = Marker.COC in codestream.markers or any(
            not _OF_CODING.isdisjoint(part.markers) for part in codestream.tile_parts
        )
        self.reach = _SHORT_REACH if codestream.cod.is_reversible and not may_differ else _LONG_REACH
        self.index = PacketIndex(codestream, read, kept_bytes)
        self._read = read
        self._header = read(0, codestream.header_length)

    @classmethod
    def of(cls, data: bytes, kept_bytes: int = _KEPT_INDEX) -> CodestreamBins:
        """Those of a codestream in memory.

        :raises CorruptFrameError: it is broken
        """
        return cls(lambda offset, length: data[offset : offset + length], parse(data), kept_bytes)

    @property
    def header_segments(self) -> list[Segment]:
        """Those of the main header."""
        return _main_segments(self._header)

    def main_header(self, *, of_tile_parts: bool = False) -> DataBin:
        """See `Bins.main_header`."""
        dropped = _POINTERS if of_tile_parts else _POINTERS | {Marker.PPM}
        kept = b"".join(each.data for each in self.header_segments if each.code not in dropped)
        return text_bin(BinClass.MAIN_HEADER, 0, self._header[:2] + kept)

    def tile_header(self, tile: int) -> DataBin:
        """See `Bins.tile_header`."""
        segments = self.index.header_segments(tile)
        return text_bin(
            BinClass.TILE_HEADER, tile, b"".join(each.data for each in segments if each.code not in _OF_PACKETS)
        )

    def tile(self, tile: int) -> DataBin:
        """See `Bins.tile`."""
        parts = self.codestream.parts_of(tile)
        pieces = tuple(Piece(part.length, part.offset) for part in parts)
        return DataBin(BinClass.TILE, tile, pieces, self._read, _sums([part.length for part in parts]))

    def tile_end(self, tile: int, j2k_resolution: int) -> int:
        """See `Bins.tile_end`."""
        index = self.index.tile(tile, j2k_resolution)
        layers = index.coding.layers
        last = max(
            (
                index.offsets[packet] + index.lengths[packet]
                for precinct, r in enumerate(index.layout.resolution)
                if r <= j2k_resolution
                for packet in range(precinct * layers, (precinct + 1) * layers)
            ),
            default=0,
        )
        before = 0
        for part in self.codestream.parts_of(tile):
            if part.offset < last <= part.end:
                return before + last - part.offset
            before += part.length
        return before

    def precincts(self, tile: int, j2k_resolution: int) -> StoredPrecincts:
        """See `Bins.precincts`."""
        return StoredPrecincts(self.siz, self.index.tile(tile, j2k_resolution), self._read)


class StoredPrecincts:
    """Those of a tile of a codestream."""

    def __init__(self, siz: Siz, index: TileIndex, read: Read) -> None:
        self.layout = index.layout
        self._siz = siz
        self._index = index
        self._read = read

    def precinct(self, number: int) -> DataBin:
        """See `TilePrecincts.precinct`."""
        pieces: list[Piece] = []
        ends, end = [], 0
        for header, offset, length in self._index.packets(number):
            if header:
                pieces.append(Piece(len(header), -1, header))
            before = pieces[-1] if pieces else None
            if before is not None and before.offset >= 0 and before.offset + before.length == offset:
                pieces[-1] = Piece(before.length + length, before.offset)
            elif length:
                pieces.append(Piece(length, offset))
            end += len(header) + length
            ends.append(end)
        bin_id = precinct_id(self._siz, self._index.tile, self.layout, number)
        return DataBin(BinClass.PRECINCT, bin_id, tuple(pieces), self._read, tuple(ends))


class TiledBins:
    """Those of a codestream that is put together of codestreams, one for each of its tiles.

    A tile that begins where its precincts, code-blocks and subbands would begin too has the same packets, whether it is
    alone or one of many. So tiles that are stored, or made, one by one are served as one large picture.
    """

    def __init__(self, header: bytes, tile: Callable[[int], bytes]) -> None:
        """Begin.

        :param header: the main header of the whole, up to but excluding the first SOT
        :param tile: gives the codestream of a tile; empty where there is none
        :raises CorruptFrameError: the header is broken
        """
        self._header = header
        self._segments = _main_segments(header)
        if not self._segments or self._segments[0].code != Marker.SIZ:
            raise refuse("SIZ", 2, "SOC and SIZ come first")
        self.siz = read_siz(self._segments[0].body, 2)
        cod = next((read_cod(each.body, each.offset) for each in self._segments if each.code == Marker.COD), None)
        if cod is None:
            raise refuse("COD", len(header), "the main header has none")
        self._codings = Codings(len(self.siz.components), self._segments)
        self.layers, self.decompositions = cod.layers, cod.decompositions
        self.reach = _LONG_REACH
        self._tile = tile
        self._lock = threading.Lock()
        self._kept: dict[int, tuple[int, CodestreamBins | None]] = {}
        """By tile, least recently used first: bytes that it takes, and what is in it."""

    def main_header(self, *, of_tile_parts: bool = False) -> DataBin:  # noqa: ARG002 - there are no packed headers
        """See `Bins.main_header`."""
        return text_bin(BinClass.MAIN_HEADER, 0, self._header)

    def tile_header(self, tile: int) -> DataBin:
        """See `Bins.tile_header`."""
        return text_bin(BinClass.TILE_HEADER, tile, self._own_segments(tile))

    def tile(self, tile: int) -> DataBin:
        """See `Bins.tile`.

        :raises UnsupportedFeatureError: packet headers are packed into its main header
        """
        inner = self._inner(tile)
        if inner is None:
            return DataBin(BinClass.TILE, tile, (), _read_nothing)
        if Marker.PPM in inner.codestream.markers:
            message = f"tile {tile} has its packet headers packed (PPM), which no tile-part of its own can hold"
            raise UnsupportedFeatureError(message)
        own, pieces, ends = self._own_segments(tile, of_parts=False), [], []
        for part in inner.codestream.tile_parts:
            length = part.length + len(own)
            head = _SOT.pack(Marker.SOT, 10, tile, length, part.part, part.parts) + own
            pieces += [Piece(len(head), -1, head), Piece(part.length - _SOT.size, part.offset + _SOT.size)]
            ends.append(length)
            own = b""
        return DataBin(BinClass.TILE, tile, tuple(pieces), inner.tile(0).reader, _sums(ends))

    def tile_end(self, tile: int, j2k_resolution: int) -> int:
        """See `Bins.tile_end`."""
        inner = self._inner(tile)
        if inner is None:
            return 0
        return inner.tile_end(0, j2k_resolution) + len(self._own_segments(tile, of_parts=False))

    def precincts(self, tile: int, j2k_resolution: int) -> TilePrecincts:
        """See `Bins.precincts`.

        :raises CorruptFrameError: the tile's codestream is not that of a tile of this picture
        """
        inner = self._inner(tile)
        if inner is None:
            return _NoPrecincts(self.siz, tile, lay_out(self.siz, tile, self._codings.of_tile([])))
        found = inner.precincts(0, j2k_resolution)
        segments = read_header(self._own_segments(tile) + b"\xff\x93", 0, Marker.SOD)[0]
        layout = lay_out(self.siz, tile, self._codings.of_tile(segments))
        theirs = [[(grid.across, grid.down) for grid in grids] for grids in found.layout.grids]
        if theirs != [[(grid.across, grid.down) for grid in grids] for grids in layout.grids]:
            message = f"tile {tile} is not divided as one of its picture would be"
            raise CorruptFrameError(message)
        return _PlacedPrecincts(self.siz, tile, layout, found)

    def _own_segments(self, tile: int, *, of_parts: bool = True) -> bytes:
        """What the codestream of a tile says otherwise than the main header, and what its tile-parts say."""
        inner = self._inner(tile)
        if inner is None:
            return b""
        known = {each.data for each in self._segments}
        own = b"".join(
            each.data for each in inner.header_segments if each.code in _OF_CODING and each.data not in known
        )
        return own + (inner.tile_header(0).read(0, 1 << 30) if of_parts else b"")

    def _inner(self, tile: int) -> CodestreamBins | None:
        with self._lock:
            kept = self._kept.pop(tile, None)
            if kept is not None:
                self._kept[tile] = kept
                return kept[1]
        data = self._tile(tile)
        found = CodestreamBins.of(data) if data else None
        with self._lock:
            self._kept[tile] = 2 * len(data), found
            while sum(size for size, _ in self._kept.values()) > _KEPT_TILES and len(self._kept) > 1:
                self._kept.pop(next(iter(self._kept)))
        return found


class _PlacedPrecincts:
    """Precincts of a codestream of one tile, as those of a tile of another."""

    def __init__(self, siz: Siz, tile: int, layout: TileLayout, inner: StoredPrecincts) -> None:
        self.layout = layout
        self._siz = siz
        self._tile = tile
        self._inner = inner

    def precinct(self, number: int) -> DataBin:
        """See `TilePrecincts.precinct`."""
        found = self._inner.precinct(number)
        bin_id = precinct_id(self._siz, self._tile, self.layout, number)
        return DataBin(found.bin_class, bin_id, found.pieces, found.reader, found.ends)


class _NoPrecincts:
    """Those of a tile that is not there: empty ones."""

    def __init__(self, siz: Siz, tile: int, layout: TileLayout) -> None:
        self.layout = layout
        self._siz = siz
        self._tile = tile

    def precinct(self, number: int) -> DataBin:
        """See `TilePrecincts.precinct`."""
        bin_id = precinct_id(self._siz, self._tile, self.layout, number)
        return DataBin(BinClass.PRECINCT, bin_id, (), _read_nothing)


def precinct_id(siz: Siz, tile: int, layout: TileLayout, precinct: int) -> int:
    """`t + (c + s * components) * tiles`, with s counting the precincts of a tile-component (A.3.2.1)."""
    component = layout.component[precinct]
    s = precinct - layout.grids[component][0].first
    return tile + (component + s * len(siz.components)) * siz.tile_count


def _main_segments(header: bytes) -> list[Segment]:
    return read_header(header + b"\xff\x90", 2, Marker.SOT)[0]


def _read_nothing(offset: int, length: int) -> bytes:  # noqa: ARG001 - a `Read`
    return b""


def _sums(lengths: list[int]) -> tuple[int, ...]:
    found, end = [], 0
    for length in lengths:
        end += length
        found.append(end)
    return tuple(found)
