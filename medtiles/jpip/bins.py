"""The data-bins of a codestream (ISO/IEC 15444-9 A.3): what a server sends, and what a client keeps."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Protocol

from medtiles.core.cache import TileCache
from medtiles.jpip.main_header import MainHeader
from medtiles.jpip.messages import BinClass
from transcode.codestream import Codestream, Siz, parse
from transcode.codestream.headers import read_header
from transcode.codestream.markers import Marker
from transcode.errors import CorruptFrameError, UnsupportedFeatureError
from transcode.packet_index import KeptTiles, PacketIndex, TileIndex, TileLayout
from transcode.packet_index.layout import lay_out

Read = Callable[[int, int], bytes]
"""Bytes of the codestream: from an offset, so many."""
_OF_PACKETS = frozenset({Marker.PLT, Marker.PPT})
"""Of the header of a tile-part."""
_OF_CODING = frozenset({Marker.COD, Marker.COC, Marker.QCD, Marker.QCC, Marker.RGN, Marker.POC})
"""What the header of a tile may say otherwise than the main header (table A.1)."""
SHORT_REACH, LONG_REACH = 4, 8
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
        pieces = self.pieces
        return pieces[0].length if len(pieces) == 1 else sum([piece.length for piece in pieces])

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of it, as many as there are.

        :raises FileChangedError, TruncatedFileError: what it lies in is no longer what it was
        """
        if len(self.pieces) == 1 and self.pieces[0].offset >= 0:
            piece = self.pieces[0]
            return self.reader(piece.offset + offset, max(0, min(length, piece.length - offset)))
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

    def __init__(
        self, read: Read, codestream: Codestream, kept_bytes: int = _KEPT_INDEX, kept: KeptTiles | None = None
    ) -> None:
        """Begin.

        :param kept_bytes: that the index of its packets may take in memory
        :param kept: keeps that of large tiles for later
        :raises CorruptFrameError: the main header is broken
        """
        self.codestream = codestream
        self.siz = codestream.siz
        self.layers = codestream.cod.layers
        self.decompositions = codestream.decompositions
        may_differ = Marker.COC in codestream.markers or any(
            not _OF_CODING.isdisjoint(part.markers) for part in codestream.tile_parts
        )
        self.reach = SHORT_REACH if codestream.cod.is_reversible and not may_differ else LONG_REACH
        self.index = PacketIndex(codestream, read, kept_bytes, kept)
        self.header = MainHeader(read(0, codestream.header_length))
        self._read = read

    @classmethod
    def of(cls, data: bytes, kept_bytes: int = _KEPT_INDEX) -> CodestreamBins:
        """Those of a codestream in memory.

        :raises CorruptFrameError: it is broken
        """
        return cls(lambda offset, length: data[offset : offset + length], parse(data), kept_bytes)

    def main_header(self, *, of_tile_parts: bool = False) -> DataBin:
        """See `Bins.main_header`."""
        return text_bin(BinClass.MAIN_HEADER, 0, self.header.plain(keeps_packet_headers=of_tile_parts))

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
        return DataBin(BinClass.TILE, tile, pieces, self._read, tuple(accumulate(part.length for part in parts)))

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
        packets = self._index.packets(number)
        bin_id = precinct_id(self._siz, self._index.tile, self.layout, number)
        if len(packets) == 1 and not packets[0][0]:
            _, offset, length = packets[0]
            only = (Piece(length, offset),) if length else ()
            return DataBin(BinClass.PRECINCT, bin_id, only, self._read, (length,))
        for header, offset, length in packets:
            if header:
                pieces.append(Piece(len(header), -1, header))
            before = pieces[-1] if pieces else None
            if before is not None and before.offset >= 0 and before.offset + before.length == offset:
                pieces[-1] = Piece(before.length + length, before.offset)
            elif length:
                pieces.append(Piece(length, offset))
            end += len(header) + length
            ends.append(end)
        return DataBin(BinClass.PRECINCT, bin_id, tuple(pieces), self._read, tuple(ends))


class TiledBins:
    """Those of a codestream that is put together of codestreams, one for each of its tiles.

    A tile that begins where its precincts, code-blocks and subbands would begin too has the same packets, whether it is
    alone or one of many. So tiles that are stored, or made, one by one are served as one large picture.
    """

    def __init__(self, header: bytes, tile: Callable[[int], bytes]) -> None:
        """Begin.

        :param header: the main header of the whole, up to but excluding the first SOT
        :param tile: gives the codestream of a tile
        :raises CorruptFrameError: the header is broken
        """
        self._header = MainHeader(header)
        self.siz = self._header.siz
        self.layers, self.decompositions = self._header.cod.layers, self._header.cod.decompositions
        self.reach = LONG_REACH
        self._tile = tile
        self._kept: TileCache[int, _Inner] = TileCache(_KEPT_TILES, lambda inner: inner.nbytes)

    def main_header(self, *, of_tile_parts: bool = False) -> DataBin:
        """See `Bins.main_header`."""
        return text_bin(BinClass.MAIN_HEADER, 0, self._header.plain(keeps_packet_headers=of_tile_parts))

    def tile_header(self, tile: int) -> DataBin:
        """See `Bins.tile_header`."""
        inner = self._inner(tile)
        return text_bin(BinClass.TILE_HEADER, tile, inner.own + inner.of_parts)

    def tile(self, tile: int) -> DataBin:
        """See `Bins.tile`.

        :raises UnsupportedFeatureError: packet headers are packed into its main header
        """
        inner = self._inner(tile)
        if Marker.PPM in inner.bins.codestream.markers:
            message = f"tile {tile} has its packet headers packed (PPM), which no tile-part of its own can hold"
            raise UnsupportedFeatureError(message)
        own, pieces, ends = inner.own, [], []
        for part in inner.bins.codestream.tile_parts:
            length = part.length + len(own)
            head = _SOT.pack(Marker.SOT, 10, tile, length, part.part, part.parts) + own
            pieces += [Piece(len(head), -1, head), Piece(part.length - _SOT.size, part.offset + _SOT.size)]
            ends.append(length)
            own = b""
        return DataBin(BinClass.TILE, tile, tuple(pieces), inner.bins.tile(0).reader, tuple(accumulate(ends)))

    def tile_end(self, tile: int, j2k_resolution: int) -> int:
        """See `Bins.tile_end`."""
        inner = self._inner(tile)
        return inner.bins.tile_end(0, j2k_resolution) + len(inner.own)

    def precincts(self, tile: int, j2k_resolution: int) -> TilePrecincts:
        """See `Bins.precincts`.

        :raises CorruptFrameError: the tile's codestream is not that of a tile of this picture
        """
        inner = self._inner(tile)
        found = inner.bins.precincts(0, j2k_resolution)
        if inner.layout is None:
            inner.layout = self._layout(tile, inner, found.layout)
        return _PlacedPrecincts(self.siz, tile, inner.layout, found)

    def _layout(self, tile: int, inner: _Inner, theirs: TileLayout) -> TileLayout:
        """How the tile is divided in its place, which must be as it is divided alone."""
        segments = read_header(inner.own + inner.of_parts + b"\xff\x93", 0, Marker.SOD)[0]
        layout = lay_out(self.siz, tile, self._header.codings.of_tile(segments))
        if _divisions(layout) != _divisions(theirs):
            message = f"tile {tile} is not divided as one of its picture would be"
            raise CorruptFrameError(message)
        return layout

    def _inner(self, tile: int) -> _Inner:
        return self._kept.get_or_make(tile, lambda: _Inner(self._tile(tile), self._header))


class _Inner:
    """The codestream of a tile."""

    def __init__(self, data: bytes, outer: MainHeader) -> None:
        self.bins = CodestreamBins.of(data)
        known = {each.data for each in outer.segments}
        segments = self.bins.header.segments
        self.own = b"".join(each.data for each in segments if each.code in _OF_CODING and each.data not in known)
        """What it says otherwise than the main header of the whole."""
        self.of_parts = self.bins.tile_header(0).read(0, len(data))
        """What its tile-parts say."""
        self.layout: TileLayout | None = None
        """In its place, when it has been found."""
        self.nbytes = 2 * len(data)


class _PlacedPrecincts:
    """Precincts of a codestream of one tile, as those of a tile of another."""

    def __init__(self, siz: Siz, tile: int, layout: TileLayout, inner: StoredPrecincts) -> None:
        self.layout = layout
        self._siz = siz
        self._tile = tile
        self._inner = inner

    def precinct(self, number: int) -> DataBin:
        """See `TilePrecincts.precinct`."""
        return replace(self._inner.precinct(number), bin_id=precinct_id(self._siz, self._tile, self.layout, number))


def precinct_id(siz: Siz, tile: int, layout: TileLayout, precinct: int) -> int:
    """`t + (c + s * components) * tiles`, with s counting the precincts of a tile-component (A.3.2.1)."""
    component = layout.component[precinct]
    s = precinct - layout.grids[component][0].first
    return tile + (component + s * len(siz.components)) * siz.tile_count


def _divisions(layout: TileLayout) -> list[list[tuple[int, int]]]:
    return [[(grid.across, grid.down) for grid in grids] for grids in layout.grids]


def _read_nothing(offset: int, length: int) -> bytes:  # noqa: ARG001 - a `Read`
    return b""
