"""Data-bins → a codestream that any decoder reads, at any moment (ISO/IEC 15444-9 Annex A; 15444-1 Annex A and B).

Packets whose bytes have not all come are written as empty ones, so the picture is coarser there and nowhere broken. The
packets that are there are those of the original, byte for byte.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from itertools import pairwise

from medtiles.jpip.bins import precinct_id
from medtiles.jpip.main_header import MainHeader
from transcode.codestream import Siz
from transcode.codestream.halving import reduced
from transcode.codestream.headers import Segment, read_header, with_grid
from transcode.codestream.markers import Marker
from transcode.codestream.tile_cut import can_move
from transcode.errors import CorruptFrameError
from transcode.packet_index import TileLayout
from transcode.packet_index.coding import TileCoding
from transcode.packet_index.layout import lay_out
from transcode.packet_index.order import packet_order
from transcode.packet_index.packet_header import HeaderError, PacketHeaders, TooShortError

_EPH = b"\xff\x92"
_LENGTH_OF_SOT = b"\x00\x0a"
_SOT = struct.Struct(">HHHIBB")

PrecinctBytes = Callable[[int], bytes]
"""What has come of the precinct data-bin of an in-class identifier, from its beginning; empty: nothing."""


class Assembly:
    """How the data-bins of one codestream are put together."""

    def __init__(self, main_header: bytes) -> None:
        """Read the main header's data-bin, which must be whole.

        :raises CorruptFrameError: it is none
        """
        header = MainHeader(main_header)
        self.siz = header.siz
        self.layers = header.cod.layers
        self.decompositions = min(each.decompositions for each in header.codings.of_tile([]).components)
        """How often all components can be halved."""
        self.is_reversible = header.cod.is_reversible and all(each.code != Marker.COC for each in header.segments)
        """Whether all components are, where a tile says nothing else."""
        self.is_high_throughput = header.cod.is_ht
        self.has_colour_transform = bool(header.cod.mct)
        self._codings = header.codings
        self._segments = header.segments
        self._header = header.plain()

    def codestream(self, tile_header: Callable[[int], bytes], precinct: PrecinctBytes) -> bytes:
        """The codestream of all that has come.

        :param tile_header: what the tile-header data-bin of a tile holds; empty where it has not come
        :raises CorruptFrameError: a tile header or a packet header cannot be believed
        """
        pieces = [self._header]
        for number in range(self.siz.tile_count):
            tile = self.tile(number, tile_header(number))
            packets = tile.packets(precinct)
            body = b"".join(packets[place] for place in packet_order(tile.layout, tile.coding))
            pieces += _tile_part(number, tile.segments, body)
        return b"".join([*pieces, b"\xff\xd9"])

    def tile(self, number: int, tile_header: bytes) -> AssembledTile:
        """A tile, given its tile-header data-bin.

        :raises CorruptFrameError: the tile header cannot be believed
        """
        segments = _segments(tile_header)
        coding = self._codings.of_tile(segments)
        return AssembledTile(self.siz, number, segments, coding, lay_out(self.siz, number, coding))

    def picture(self, tile: AssembledTile, reduction: int, precinct: PrecinctBytes) -> bytes:
        """A tile as a codestream of its own, its sides halved so many times: the picture of what has come of it.

        :raises CorruptFrameError: it cannot be halved so often, or a packet header cannot be believed
        """
        siz, wide = self.siz, 2 if len(self.siz.components) > 256 else 1
        bounds = siz.tile_bounds(tile.number)
        if can_move(siz, max(each.decompositions for each in tile.coding.components)):
            bounds = (0, 0, bounds[2] - bounds[0], bounds[3] - bounds[1])
        x0, y0, x1, y1 = (-(-side >> reduction) for side in bounds)
        main = b"".join(reduced(each, reduction, wide) for each in self._segments if each.code != Marker.PPM)
        header = with_grid(b"\xff\x4f" + main, (x1, y1, x0, y0, x1 - x0, y1 - y0, x0, y0))
        own = b"".join(reduced(each, reduction, wide) for each in tile.segments)
        found = MainHeader(header)
        segments = _segments(own)
        coding = found.codings.of_tile(segments)
        layout = lay_out(found.siz, 0, coding)
        packets = tile.packets(precinct)
        place = _places(layout, tile.layout)
        body = b"".join(packets[place[number], layer] for number, layer in packet_order(layout, coding))
        return b"".join([header, *_tile_part(0, segments, body), b"\xff\xd9"])


class AssembledTile:
    """How a tile is coded and divided."""

    def __init__(self, siz: Siz, number: int, segments: list[Segment], coding: TileCoding, layout: TileLayout) -> None:
        self.number = number
        self.segments = segments
        self.coding = coding
        self.layout = layout
        self._siz = siz
        self._split = _Splitter(number, coding, layout)

    def bin_id(self, precinct: int) -> int:
        """The in-class identifier of a precinct of the layout."""
        return precinct_id(self._siz, self.number, self.layout, precinct)

    def packets(self, precinct: PrecinctBytes) -> _Packets:
        """Those that have come, by precinct and layer; an empty one where it has not.

        :raises CorruptFrameError: a packet header says what no encoder says
        """
        found = _Packets(b"\x00" + (_EPH if self.coding.has_eph else b""))
        for number in range(self.layout.precincts):
            for layer, packet in enumerate(self.layers(number, precinct)):
                found[number, layer] = packet
        return found

    def layers(self, number: int, precinct: PrecinctBytes) -> list[bytes]:
        """The packets of a precinct that have come whole.

        :raises CorruptFrameError: a packet header says what no encoder says
        """
        data = precinct(self.bin_id(number))
        return self._split.layers(data, number) if data else []


class _Packets(dict[tuple[int, int], bytes]):
    def __init__(self, empty: bytes) -> None:
        super().__init__()
        self._empty = empty

    def __missing__(self, key: tuple[int, int]) -> bytes:
        return self._empty


def _tile_part(number: int, segments: list[Segment], body: bytes) -> tuple[bytes, bytes, bytes]:
    header = b"".join(segment.data for segment in segments) + b"\xff\x93"
    return _SOT.pack(Marker.SOT, 10, number, _SOT.size + len(header) + len(body), 0, 1), header, body


def _places(smaller: TileLayout, whole: TileLayout) -> dict[int, int]:
    """The precincts of a layout with fewer resolutions, as those of the whole one."""
    return {
        grid.first + number: of_whole.first + number
        for grids, all_grids in zip(smaller.grids, whole.grids, strict=True)
        for grid, of_whole in zip(grids, all_grids, strict=False)
        for number in range(grid.precincts)
    }


class _Splitter:
    """Where in the bytes of precincts their packets end. Bytes are only added: what was read is not read again."""

    def __init__(self, tile: int, coding: TileCoding, layout: TileLayout) -> None:
        self._tile = tile
        self._coding = coding
        self._layout = layout
        self._forget()

    def layers(self, data: bytes, precinct: int) -> list[bytes]:
        """The packets that are whole.

        :raises CorruptFrameError: a packet header says what no encoder says
        """
        ends = self._ends.setdefault(precinct, [0])
        while len(ends) <= self._coding.layers and ends[-1] < len(data):
            end = self._end(data, precinct, ends)
            if end is None:
                break
            ends.append(end)
        return [data[start:end] for start, end in pairwise(ends) if end <= len(data)]

    def _end(self, data: bytes, precinct: int, ends: list[int]) -> int | None:
        """Where the next packet ends, though its body may not all be there; None: not even its header is."""
        try:
            at, length = self._headers.read(data, ends[-1], precinct, len(ends) - 1)
        except TooShortError:
            self._forget()  # it has remembered half of a header
            return None
        except HeaderError as error:
            self._forget()
            message = f"tile {self._tile}, precinct {precinct}, layer {len(ends) - 1}: {error}"
            raise CorruptFrameError(message) from None
        if self._coding.has_eph and at + 2 > len(data):
            self._forget()
            return None
        return at + length + (2 if data[at : at + 2] == _EPH else 0)

    def _forget(self) -> None:
        self._ends: dict[int, list[int]] = {}
        self._headers = PacketHeaders(self._layout, [each.block_style for each in self._coding.components])


def _segments(tile_header: bytes) -> list[Segment]:
    """Some servers end the data-bin with SOD, others do not; OpenJPEG's begins it with SOT, but for its marker."""
    if tile_header[:2] == _LENGTH_OF_SOT:
        tile_header = tile_header[_SOT.size - 2 :]
    return read_header(tile_header.removesuffix(b"\xff\x93") + b"\xff\x93", 0, Marker.SOD)[0]
