"""From packet to packet through the tile-parts of a tile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from transcode.codestream import TilePart
from transcode.codestream.packets import packet_lengths
from transcode.errors import CorruptFrameError
from transcode.packet_index.coding import TileCoding
from transcode.packet_index.layout import TileLayout
from transcode.packet_index.order import packet_order
from transcode.packet_index.packet_header import HeaderError, PacketHeaders

Read = Callable[[int, int], bytes]
"""Bytes of the codestream: from an offset, so many."""
_SOP = b"\xff\x91\x00\x04"
_SOP_LENGTH = 6
_EPH = b"\xff\x92"
_WINDOW = 1 << 18
"""Bytes that are read at once of a tile-part whose packet headers are read."""


class Packet(NamedTuple):
    """Where a packet lies."""

    precinct: int
    layer: int
    offset: int
    """Within the codestream, its SOP left out."""
    length: int
    """Of header and body; of the body alone where the header is packed elsewhere."""
    packed_header: bytes = b""
    """Its header, with EPH, where it lies in PPM or PPT."""


class Walk:
    """The packets of a tile in the order of the codestream, as an iterator.

    :raises CorruptFrameError: from `next`, when a packet header cannot be believed; naming the packet
    """

    def __init__(
        self,
        tile: int,
        coding: TileCoding,
        layout: TileLayout,
        read: Read,
        parts: Sequence[tuple[TilePart, bytes | None]],
    ) -> None:
        """Begin.

        :param parts: each tile-part with its packet headers, where these lie elsewhere
        """
        self._tile, self._coding, self._layout, self._read = tile, coding, layout, read
        self._order = packet_order(layout, coding)
        lengths = _stated_lengths(parts)
        if lengths is None:
            self._headers = PacketHeaders(layout, [each.block_style for each in coding.components])
            self._packets = chain.from_iterable(self._by_headers(part, packed) for part, packed in parts)
        else:
            self._packets = chain.from_iterable(map(self._by_lengths, (part for part, _ in parts), lengths))

    def __iter__(self) -> Iterator[Packet]:
        """Itself."""
        return self

    def __next__(self) -> Packet:
        """The next packet."""
        return next(self._packets)

    def _by_lengths(self, part: TilePart, lengths: list[int]) -> Iterator[Packet]:
        position = part.offset + part.header_length
        for (precinct, layer), length in zip(self._order, lengths, strict=False):
            skipped = 0
            if self._coding.may_have_sop and self._read(position, min(4, length)) == _SOP:
                skipped = min(_SOP_LENGTH, length)
            yield Packet(precinct, layer, position + skipped, length - skipped)
            position += length

    def _by_headers(self, part: TilePart, packed: bytes | None) -> Iterator[Packet]:
        window = _Window(self._read, part.offset + part.header_length, part.end)
        at = 0  # in `packed`
        while at < len(packed) if packed is not None else not window.is_over:
            precinct, layer = next(self._order, (-1, 0))
            if precinct < 0:
                return
            try:
                packet, at = self._packet(window, precinct, layer, packed, at)
            except HeaderError as error:
                raise CorruptFrameError(self._told(precinct, layer, window.position, error)) from None
            yield packet

    def _packet(self, window: _Window, precinct: int, layer: int, packed: bytes | None, at: int) -> tuple[Packet, int]:
        """The packet at the window's position, and where the next packed header begins."""
        if self._coding.may_have_sop and window.begins_with(_SOP):
            window.skip(_SOP_LENGTH)
        data, start = window.reach(self._headers.most_bytes(precinct)) if packed is None else (packed, at)
        end, length = self._headers.read(data, start, precinct, layer)
        if data[end : end + 2] == _EPH:
            end += 2
        if packed is None:
            length += end - start
        packet = Packet(precinct, layer, window.position, length, b"" if packed is None else packed[start:end])
        window.skip(length)
        return packet, end

    def _told(self, precinct: int, layer: int, position: int, error: HeaderError) -> str:
        component, r = self._layout.component[precinct], self._layout.resolution[precinct]
        number = precinct - self._layout.grids[component][r].first
        place = f"layer {layer}, resolution {r}, component {component}, precinct {number}"
        return f"tile {self._tile}, packet at byte {position} ({place}): {error}"


class _Window:
    """The bytes of a tile-part from packet to packet, read in pieces."""

    def __init__(self, read: Read, position: int, end: int) -> None:
        self._read = read
        self.position = position
        self._end = end
        self._data = b""
        self._start = position

    @property
    def is_over(self) -> bool:
        return self.position >= self._end

    def reach(self, length: int) -> tuple[bytes, int]:
        """Bytes that hold so many from the position on, if there are, and where in them the position is."""
        held = self._start + len(self._data)
        if self.position > held or (self.position + length > held and held < self._end):
            self._data = self._read(self.position, min(max(length, _WINDOW), self._end - self.position))
            self._start = self.position
        return self._data, self.position - self._start

    def begins_with(self, what: bytes) -> bool:
        data, at = self.reach(len(what))
        return data[at : at + len(what)] == what

    def skip(self, length: int) -> None:
        """Go on.

        :raises HeaderError: beyond the end
        """
        left = self._end - self.position
        if length > left:
            message = f"it wants {length} bytes, {left} are left of its tile-part"
            raise HeaderError(message)
        self.position += length


def _stated_lengths(parts: Sequence[tuple[TilePart, bytes | None]]) -> list[list[int]] | None:
    """The lengths of packets by PLT; None where not every tile-part has it, or it does not add up."""
    found = []
    for part, packed in parts:
        lengths = list(packet_lengths(part.packet_lengths))
        if packed is not None or sum(lengths) != part.length - part.header_length:
            return None
        found.append(lengths)
    return found
