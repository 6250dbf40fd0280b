"""The data-bins of a codestream (ISO/IEC 15444-9 A.3): what a server sends, and what a client keeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from medtiles.jpip.messages import BinClass
from transcode.codestream import Codestream, Siz, parse
from transcode.codestream.headers import read_header
from transcode.codestream.markers import Marker
from transcode.packet_index import PacketIndex, TileIndex, TileLayout

Read = Callable[[int, int], bytes]
"""Bytes of the codestream: from an offset, so many."""
_POINTERS = frozenset({Marker.TLM, Marker.PLM})
"""Of the main header: they speak of the file."""
_OF_TILE_PARTS = frozenset({Marker.PLT, Marker.PPT})


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
    layer_ends: tuple[int, ...] = ()
    """Of precincts: where each quality layer ends."""

    @property
    def length(self) -> int:
        """In bytes."""
        return sum(piece.length for piece in self.pieces)

    def read(self, read: Read, offset: int, length: int) -> bytes:
        """Bytes of it, as many as there are."""
        found = []
        for piece in self.pieces:
            taken = min(length, piece.length - offset)
            if taken > 0:
                found.append(
                    piece.data[offset : offset + taken] if piece.offset < 0 else read(piece.offset + offset, taken)
                )
                length -= taken
            offset = max(0, offset - piece.length)
        return b"".join(found)


class CodestreamBins:
    """The data-bins of one codestream. Safe to use from several threads."""

    def __init__(self, read: Read, codestream: Codestream) -> None:
        """Begin.

        :raises CorruptFrameError: the main header is broken
        """
        self.read = read
        self.codestream = codestream
        self.index = PacketIndex(codestream, read)
        self._header = read(0, codestream.header_length)

    @classmethod
    def of(cls, data: bytes) -> CodestreamBins:
        """Those of a codestream in memory.

        :raises CorruptFrameError: it is broken
        """
        return cls(lambda offset, length: data[offset : offset + length], parse(data))

    def main_header(self, *, of_tile_parts: bool = False) -> DataBin:
        """SOC and all that stands before the first SOT, without pointers into the file (A.3.5).

        :param of_tile_parts: for a JPT-stream, where packed packet headers are still needed
        """
        dropped = _POINTERS if of_tile_parts else _POINTERS | {Marker.PPM}
        segments, _ = read_header(self._header + b"\xff\x90", 2, Marker.SOT)
        data = self._header[:2] + b"".join(each.data for each in segments if each.code not in dropped)
        return DataBin(BinClass.MAIN_HEADER, 0, (Piece(len(data), -1, data),))

    def tile_header(self, tile: int) -> DataBin:
        """The marker segments of a tile's tile-parts, but SOT, SOD and what speaks of packets (A.3.4).

        :raises CorruptFrameError: a tile-part ends within its header
        """
        segments = self.index.header_segments(tile)
        data = b"".join(each.data for each in segments if each.code not in _OF_TILE_PARTS)
        return DataBin(BinClass.TILE_HEADER, tile, (Piece(len(data), -1, data),))

    def tile(self, tile: int) -> DataBin:
        """All tile-parts of a tile, as they are (A.3.3)."""
        parts = self.codestream.parts_of(tile)
        return DataBin(BinClass.TILE, tile, tuple(Piece(part.length, part.offset) for part in parts))

    def precinct(self, index: TileIndex, precinct: int) -> DataBin:
        """The packets of a precinct, layer after layer (A.3.2).

        :param index: of the tile, complete as far as the precinct's resolution
        """
        pieces: list[Piece] = []
        ends, end = [], 0
        for header, offset, length in index.packets(precinct):
            if header:
                pieces.append(Piece(len(header), -1, header))
            before = pieces[-1] if pieces else None
            if before is not None and before.offset >= 0 and before.offset + before.length == offset:
                pieces[-1] = Piece(before.length + length, before.offset)
            elif length:
                pieces.append(Piece(length, offset))
            end += len(header) + length
            ends.append(end)
        return DataBin(
            BinClass.PRECINCT,
            precinct_id(self.codestream.siz, index.tile, index.layout, precinct),
            tuple(pieces),
            tuple(ends),
        )


def precinct_id(siz: Siz, tile: int, layout: TileLayout, precinct: int) -> int:
    """`t + (c + s * components) * tiles`, with s counting the precincts of a tile-component (A.3.2.1)."""
    component = layout.component[precinct]
    s = precinct - layout.grids[component][0].first
    return tile + (component + s * len(siz.components)) * siz.tile_count
