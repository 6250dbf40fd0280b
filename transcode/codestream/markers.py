"""What the marker segments of a codestream say, as values (ISO/IEC 15444-1 Annex A)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property


class Marker(IntEnum):
    """Codes of the markers that this package knows by name."""

    SOC = 0xFF4F
    CAP = 0xFF50
    SIZ = 0xFF51
    COD = 0xFF52
    COC = 0xFF53
    TLM = 0xFF55
    PRF = 0xFF56
    PLM = 0xFF57
    PLT = 0xFF58
    CPF = 0xFF59
    QCD = 0xFF5C
    QCC = 0xFF5D
    RGN = 0xFF5E
    POC = 0xFF5F
    PPM = 0xFF60
    PPT = 0xFF61
    CRG = 0xFF63
    COM = 0xFF64
    NLT = 0xFF76
    SOT = 0xFF90
    SOP = 0xFF91
    EPH = 0xFF92
    SOD = 0xFF93
    EOC = 0xFFD9


_PART_15 = 0x00020000
"""Of Pcap: its fifteenth bit."""
_NAMES = {int(marker): marker.name for marker in Marker}


def name_of(code: int) -> str:
    """A marker's name for messages: its letters, or its code."""
    return _NAMES.get(code) or f"marker {code:04X}"


def is_bare(code: int) -> bool:
    """Whether a marker has no segment though it may stand in a header: FF30 to FF3F, reserved (A.1)."""
    return 0xFF30 <= code <= 0xFF3F


@dataclass(frozen=True, slots=True)
class Component:
    """One component of the image (SIZ)."""

    depth: int
    """Bits of a sample, with its sign: 1 to 38."""
    signed: bool
    dx: int
    """XRsiz: columns of the reference grid for one sample."""
    dy: int
    """YRsiz: rows of the reference grid for one sample."""


@dataclass(frozen=True, slots=True)
class Siz:
    """Image and tile size (A.5.1); all on the reference grid, in its units."""

    rsiz: int
    x1: int
    """Xsiz: the first column beyond the image."""
    y1: int
    x0: int
    """XOsiz: the first column of the image."""
    y0: int
    tile_width: int
    tile_height: int
    tile_x0: int
    """XTOsiz: the first column of the first tile."""
    tile_y0: int
    components: tuple[Component, ...]

    @property
    def width(self) -> int:
        """Of the image, in columns of the reference grid."""
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        """Of the image, in rows of the reference grid."""
        return self.y1 - self.y0

    @property
    def tiles_across(self) -> int:
        """Tiles in a row (B-5)."""
        return -(-(self.x1 - self.tile_x0) // self.tile_width)

    @property
    def tiles_down(self) -> int:
        """Rows of tiles (B-5)."""
        return -(-(self.y1 - self.tile_y0) // self.tile_height)

    @property
    def tile_count(self) -> int:
        """Tiles in all."""
        return self.tiles_across * self.tiles_down

    @property
    def subsampling(self) -> tuple[int, int]:
        """XRsiz and YRsiz that all components share; 1 and 1 where they differ."""
        shared = {(component.dx, component.dy) for component in self.components}
        return shared.pop() if len(shared) == 1 else (1, 1)

    @property
    def picture_size(self) -> tuple[int, int]:
        """Width and height of the picture: of its components where they share a size, else of the reference grid."""
        return self.reduced_size(0)

    def tile_bounds(self, tile: int) -> tuple[int, int, int, int]:
        """x0, y0, x1, y1 of a tile on the reference grid (B-7 to B-10)."""
        row, column = divmod(tile, self.tiles_across)
        x, y = self.tile_x0 + column * self.tile_width, self.tile_y0 + row * self.tile_height
        return max(x, self.x0), max(y, self.y0), min(x + self.tile_width, self.x1), min(y + self.tile_height, self.y1)

    def reduced_size(self, reduction: int) -> tuple[int, int]:
        """Width and height of the picture after so many halvings, as decoders give it (B-15)."""
        dx, dy = self.subsampling
        across, down = dx << reduction, dy << reduction
        return -(-self.x1 // across) + (-self.x0 // across), -(-self.y1 // down) + (-self.y0 // down)


@dataclass(frozen=True, slots=True)
class Cap:
    """Extended capabilities (A.5.2 of the third edition; 15444-15 A.3)."""

    pcap: int
    ccap: tuple[int, ...]

    @property
    def is_part_15(self) -> bool:
        """Whether it announces the high-throughput block coder."""
        return bool(self.pcap & _PART_15)

    @property
    def ccap15(self) -> int:
        """What it says of that coder (15444-15 A.3); 0 where it does not announce it."""
        return self.ccap[(self.pcap & -(_PART_15 << 1)).bit_count()] if self.is_part_15 else 0


@dataclass(frozen=True, slots=True)
class Cod:
    """Coding style default (A.6.1)."""

    progression: str
    """LRCP, RLCP, RPCL, PCRL or CPRL."""
    layers: int
    mct: int
    """1: the first three components went through a colour transform."""
    decompositions: int
    block_width: int
    block_height: int
    block_style: int
    """SPcod code-block style; bit 6 is the high-throughput coder."""
    transformation: int
    """0: 9-7 irreversible; 1: 5-3 reversible; more: of Part 2."""
    precincts: tuple[tuple[int, int], ...]
    """PPx and PPy for each resolution, coarsest first: exponents of two."""
    has_sop: bool
    has_eph: bool

    @property
    def is_ht(self) -> bool:
        """Whether code-blocks may be high-throughput ones (15444-15)."""
        return bool(self.block_style & 0x40)

    @property
    def is_mixed(self) -> bool:
        """Whether others may stand beside high-throughput code-blocks (15444-15 A.4)."""
        return self.block_style & 0xC0 == 0xC0

    @property
    def is_reversible(self) -> bool:
        """Whether the wavelet is the 5-3 one, which loses nothing."""
        return self.transformation == 1

    def photometric(self, otherwise: str) -> str:
        """Photometric Interpretation of the three components (PS3.5 8.2.4).

        :param otherwise: when they are not transformed
        """
        if not self.mct:
            return otherwise
        return "YBR_RCT" if self.is_reversible else "YBR_ICT"

    @property
    def is_resolution_major(self) -> bool:
        """Whether all packets of a resolution come before those of the next one."""
        return self.progression in {"RLCP", "RPCL"} or (self.progression == "LRCP" and self.layers == 1)


@dataclass(frozen=True, slots=True)
class Qcd:
    """Quantization default (A.6.4)."""

    style: int
    """0: none; 1: one step, the others derived; 2: each subband has its own."""
    guard_bits: int
    steps: tuple[int, ...]
    """SPqcd as stored: exponents in the upper five of 8 bits (style 0) or of 16."""


@dataclass(frozen=True, slots=True)
class TlmEntry:
    """The length of one tile-part as the main header has it (A.7.1)."""

    tile: int | None
    """None: tiles follow one another, each in one tile-part."""
    length: int


@dataclass(frozen=True, slots=True)
class TilePart:
    """A piece of a tile: SOT, header segments, SOD, packets."""

    tile: int
    part: int
    parts: int
    """TNsot: how many the tile has; 0: not said here. Some encoders write the index of the last one instead."""
    offset: int
    """Of its SOT, within the codestream."""
    length: int
    """From SOT to its end, in bytes."""
    header_length: int
    """From SOT to the end of SOD: packets begin here."""
    markers: tuple[int, ...]
    """Of its header segments, in order."""
    packet_lengths: bytes
    """The bodies of its PLT segments, joined in order; empty: it has none."""

    @property
    def end(self) -> int:
        """The offset of the first byte beyond it."""
        return self.offset + self.length


@dataclass(frozen=True)
class Codestream:
    """The structure of a codestream."""

    siz: Siz
    cap: Cap | None
    cod: Cod
    qcd: Qcd
    markers: tuple[int, ...]
    """Of the segments of the main header, in order, SIZ first."""
    tlm: tuple[TlmEntry, ...]
    tile_parts: tuple[TilePart, ...]
    """In the order of the file."""
    header_length: int
    """From SOC to the first SOT."""
    length: int
    """To the end of EOC, or of the last tile-part where EOC is missing."""
    has_eoc: bool

    @property
    def is_htj2k(self) -> bool:
        """Whether it takes a decoder of 15444-15."""
        return self.cod.is_ht or (self.cap is not None and self.cap.is_part_15)

    @property
    def is_reversible(self) -> bool:
        """Whether wavelet and quantization lose nothing (the encoder may yet have cut bits away)."""
        return self.cod.is_reversible and self.qcd.style == 0

    @property
    def decompositions(self) -> int:
        """How often a picture can be halved while it is decoded."""
        return self.cod.decompositions

    def parts_of(self, tile: int) -> tuple[TilePart, ...]:
        """The tile-parts of one tile, in the order of the file."""
        return self._parts_by_tile.get(tile, ())

    @cached_property
    def _parts_by_tile(self) -> dict[int, tuple[TilePart, ...]]:
        tiles: dict[int, tuple[TilePart, ...]] = {}
        for part in self.tile_parts:
            tiles[part.tile] = (*tiles.get(part.tile, ()), part)
        return tiles
