"""Data-bins → a codestream that any decoder reads, at any moment (ISO/IEC 15444-9 Annex A; 15444-1 Annex A and B).

Packets whose bytes have not all come are written as empty ones, so the picture is coarser there and nowhere broken. The
packets that are there are those of the original, byte for byte.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from medtiles.jpip.bins import precinct_id
from medtiles.jpip.main_header import MainHeader
from transcode.codestream.headers import Segment, read_header
from transcode.codestream.markers import Marker
from transcode.errors import CorruptFrameError
from transcode.packet_index import TileLayout
from transcode.packet_index.coding import TileCoding
from transcode.packet_index.layout import lay_out
from transcode.packet_index.order import packet_order
from transcode.packet_index.packet_header import HeaderError, PacketHeaders, TooShortError

_EPH = b"\xff\x92"
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
        self._codings = header.codings
        self._header = header.plain()

    def codestream(self, tile_header: Callable[[int], bytes], precinct: PrecinctBytes) -> bytes:
        """The codestream of all that has come.

        :param tile_header: what the tile-header data-bin of a tile holds; empty where it has not come
        :raises CorruptFrameError: a tile header or a packet header cannot be believed
        """
        pieces = [self._header]
        for tile in range(self.siz.tile_count):
            segments = _segments(tile_header(tile))
            header = b"".join(segment.data for segment in segments) + b"\xff\x93"
            body = self._packets(tile, self._codings.of_tile(segments), precinct)
            pieces += [_SOT.pack(Marker.SOT, 10, tile, _SOT.size + len(header) + len(body), 0, 1), header, body]
        return b"".join([*pieces, b"\xff\xd9"])

    def _packets(self, tile: int, coding: TileCoding, precinct: PrecinctBytes) -> bytes:
        layout = lay_out(self.siz, tile, coding)
        split = _Splitter(tile, coding, layout)
        layers: dict[int, list[bytes]] = {}
        for number in range(layout.precincts):
            data = precinct(precinct_id(self.siz, tile, layout, number))
            if data:
                layers[number] = split.layers(data, number)
        empty = b"\x00" + (_EPH if coding.has_eph else b"")
        return b"".join(
            found[layer] if (found := layers.get(number, [])) and layer < len(found) else empty
            for number, layer in packet_order(layout, coding)
        )


class _Splitter:
    """Where in a precinct's bytes its packets end."""

    def __init__(self, tile: int, coding: TileCoding, layout: TileLayout) -> None:
        self._tile = tile
        self._coding = coding
        self._headers = PacketHeaders(layout, [each.block_style for each in coding.components])

    def layers(self, data: bytes, precinct: int) -> list[bytes]:
        """The packets that are whole.

        :raises CorruptFrameError: a packet header says what no encoder says
        """
        found: list[bytes] = []
        at = 0
        while len(found) < self._coding.layers and at < len(data):
            try:
                end, length = self._headers.read(data, at, precinct, len(found))
            except TooShortError:
                break
            except HeaderError as error:
                message = f"tile {self._tile}, precinct {precinct}, layer {len(found)}: {error}"
                raise CorruptFrameError(message) from None
            if data[end : end + 2] == _EPH:
                end += 2
            if end + length > len(data):
                break
            found.append(data[at : end + length])
            at = end + length
        return found


def _segments(tile_header: bytes) -> list[Segment]:
    """Some servers end the data-bin with SOD, others do not."""
    return read_header(tile_header.removesuffix(b"\xff\x93") + b"\xff\x93", 0, Marker.SOD)[0]
