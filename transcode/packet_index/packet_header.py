"""Reading packet headers: how many bytes the body of a packet has (ISO/IEC 15444-1 B.10, and 15444-15).

Everything that a header says of a code-block is told as a change to what earlier layers said of it, so the packets of a
precinct must be read in the order of their layers.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import accumulate, starmap

from transcode.packet_index.layout import TileLayout

_HT, _BYPASS, _TERMINATE_ALL = 0x40, 0x01, 0x04
"""Of the code-block style (A.6.1, table A.19; 15444-15 A.4)."""
_MOST_ZERO_BIT_PLANES = 128
_MOST_DEPTH = 32
"""Levels of a tag tree, of which each halves both sides."""
_TOO_EARLY = "it ends too early"
_MOST_LENGTH_BITS = 32
_FIRST_LBLOCK = 3
_MOST_PASSES = 0xFFFF
_BYPASS_FROM = 10
"""Passes that are always in the first codeword segment of a block with bypass (table D.9)."""


class HeaderError(Exception):
    """A header says what no encoder says, or ends too early."""


class TooShortError(HeaderError):
    """A header ends too early: perhaps the rest has not come yet."""


class PacketHeaders:
    """What the packet headers of one tile have said so far."""

    def __init__(self, layout: TileLayout, styles: Sequence[int]) -> None:
        """Begin.

        :param styles: the code-block style of each component
        """
        self._component, self._styles = layout.component, bytes(styles)
        self._bands, self._across, self._down = layout.bands, layout.blocks_across, layout.blocks_down
        sides = list(zip(layout.blocks_across, layout.blocks_down, strict=True))
        self._blocks = array("q", accumulate((across * down for across, down in sides), initial=0))
        """The index of the first code-block of each subband of each precinct."""
        self._nodes = array("q", accumulate(starmap(tree_size, sides), initial=0))
        """The same of the nodes of its tag trees."""
        blocks, nodes = self._blocks[len(sides)], self._nodes[len(sides)]
        self._is_included = bytearray(blocks)
        self._lblock = bytearray([_FIRST_LBLOCK]) * blocks
        self._passes = array("H", bytes(2 * blocks))
        self._has_cleanup = bytearray(blocks)
        """Of high-throughput blocks: whether their first cleanup pass has come."""
        self._inclusion_low = array("H", bytes(2 * nodes))
        self._inclusion_known = bytearray(nodes)
        self._planes_low = array("H", bytes(2 * nodes))
        self._planes_known = bytearray(nodes)
        self._path = array("q", bytes(8 * _MOST_DEPTH))
        """From a leaf of a tag tree to its root."""
        self._data = b""
        self._at = self._end = self._byte = self._left = 0

    def most_bytes(self, precinct: int) -> int:
        """More than the header of a packet of this precinct has from any encoder."""
        first, end = self._bands[precinct], self._bands[precinct + 1]
        return 64 + 64 * (self._blocks[end] - self._blocks[first])

    def read(self, data: bytes, start: int, precinct: int, layer: int) -> tuple[int, int]:
        """The end of the header that begins at an offset in some bytes (before EPH), and the length of its body.

        :raises HeaderError: saying why it cannot be believed
        """
        self._data, self._at, self._end = data, start, len(data)
        self._byte = self._left = 0
        length = 0
        if self._bit():
            style = self._styles[self._component[precinct]]
            for band in range(self._bands[precinct], self._bands[precinct + 1]):
                length += self._band(band, layer, style)
        if self._byte == 0xFF:  # a header never ends with it: a byte of stuffing follows
            self._at += 1
        if self._at > self._end:
            raise TooShortError(_TOO_EARLY)
        return self._at, length

    def _band(self, band: int, layer: int, style: int) -> int:
        across, down = self._across[band], self._down[band]
        block, node, length = self._blocks[band], self._nodes[band], 0
        for y in range(down):
            for x in range(across):
                if self._is_included[block]:
                    is_here = self._bit() != 0
                else:
                    is_here = self._is_below(
                        self._inclusion_low, self._inclusion_known, node, across, down, x, y, layer + 1
                    )
                    if is_here:
                        self._is_included[block] = 1
                        self._read_zero_bit_planes(node, across, down, x, y)
                if is_here:
                    length += self._lengths(block, style)
                block += 1
        return length

    def _read_zero_bit_planes(self, node: int, across: int, down: int, x: int, y: int) -> None:
        """B.10.5: how many there are is of no interest here, only where they end."""
        threshold = 1
        while not self._is_below(self._planes_low, self._planes_known, node, across, down, x, y, threshold):
            threshold += 1
            if threshold > _MOST_ZERO_BIT_PLANES:
                message = f"more than {_MOST_ZERO_BIT_PLANES} zero bit-planes"
                raise HeaderError(message)

    def _is_below(  # noqa: PLR0913, PLR0917 - plain numbers, so that it compiles to a plain loop
        self, low: array[int], known: bytearray, node: int, across: int, down: int, x: int, y: int, threshold: int
    ) -> bool:
        """Whether a leaf of a tag tree is known to be less than a threshold (B.10.2).

        :param node: the first of the tree: leaves come first, row after row, then what lies above them
        """
        self._path[0] = leaf = node + y * across + x
        depth, value = 0, 0
        while across > 1 or down > 1:
            node += across * down
            across, down, x, y, depth = across + 1 >> 1, down + 1 >> 1, x >> 1, y >> 1, depth + 1
            self._path[depth] = node + y * across + x
        while depth >= 0:
            node = self._path[depth]
            value = max(value, low[node])
            while value < threshold and not known[node]:
                if self._bit():
                    known[node] = 1
                else:
                    value += 1
            low[node] = value
            depth -= 1
        return known[leaf] != 0 and value < threshold

    def _lengths(self, block: int, style: int) -> int:
        """Number of passes, then the length of each codeword segment (B.10.6, B.10.7)."""
        passes = self._pass_count()
        lblock = self._lblock[block]
        while self._bit():
            lblock += 1
            if lblock > _MOST_LENGTH_BITS:
                message = f"a length of more than {_MOST_LENGTH_BITS} bits"
                raise HeaderError(message)
        self._lblock[block] = lblock
        done, length = self._passes[block], 0
        while passes:
            if style & _HT and not self._has_cleanup[block]:
                taken, size = self._first_ht_segment(block, done, passes)
            else:
                taken = ht_segment(done, passes) if style & _HT else segment(done, passes, style)
                size = self._bits(lblock + floor_log2(taken))
            length += size
            done, passes = done + taken, passes - taken
        if done > _MOST_PASSES:
            message = f"{done} passes of a code-block"
            raise HeaderError(message)
        self._passes[block] = done
        return length

    def _first_ht_segment(self, block: int, done: int, passes: int) -> tuple[int, int]:
        """Passes and bytes of what stands for the first cleanup pass of a high-throughput block.

        Passes of bit-planes that are left out are counted with it, and have no bytes. Where none of them has bytes, all
        are left out; then the length is written as that of all of them.
        """
        lblock = self._lblock[block]
        refining = (done + passes - 1) % 3
        taken = passes - refining
        if taken < 1:
            taken = passes
        bits = floor_log2(taken)
        length = self._bits(lblock + bits)
        if length:
            self._has_cleanup[block] = 1
            return taken, length
        if self._bits(floor_log2(passes) - bits):
            message = "a high-throughput code-block without a cleanup pass"
            raise HeaderError(message)
        return passes, 0

    def _pass_count(self) -> int:
        """Table B.4."""
        if not self._bit():
            return 1
        if not self._bit():
            return 2
        if (more := self._bits(2)) < 3:
            return 3 + more
        if (more := self._bits(5)) < 31:
            return 6 + more
        return 37 + self._bits(7)

    def _bits(self, count: int) -> int:
        value = 0
        for _ in range(count):
            value = value << 1 | self._bit()
        return value

    def _bit(self) -> int:
        if not self._left:
            if self._at >= self._end:
                raise TooShortError(_TOO_EARLY)
            self._left = 7 if self._byte == 0xFF else 8
            self._byte = self._data[self._at]
            self._at += 1
        self._left -= 1
        return self._byte >> self._left & 1


def tree_size(across: int, down: int) -> int:
    """Nodes of a tag tree, its leaves among them."""
    size = across * down
    while size and (across > 1 or down > 1):
        across, down = across + 1 >> 1, down + 1 >> 1
        size += across * down
    return size


def segment(done: int, passes: int, style: int) -> int:
    """How many of the passes lie in the codeword segment that begins or goes on here."""
    if style & _TERMINATE_ALL:
        return 1
    if style & _BYPASS:
        most = _BYPASS_FROM - done if done < _BYPASS_FROM else (2, 1, 1)[(done - _BYPASS_FROM) % 3]
        return min(passes, most)
    return passes


def ht_segment(done: int, passes: int) -> int:
    """The same of a high-throughput block: a cleanup pass, or the two passes that refine it."""
    return min(passes, 3 - done % 3) if done % 3 else 1


def floor_log2(value: int) -> int:
    """Of a number from 1 on."""
    found = 0
    while value > 1:
        value >>= 1
        found += 1
    return found
