"""The gate before native decoders of HTJ2K, which hang and crash on headers that no encoder writes.

A codestream passes when it is one that a high-throughput encoder of medical images writes: no offsets, components that
are alike, one style of coding for all of it, and tile-parts that are all there. It costs microseconds.
"""

from __future__ import annotations

from collections.abc import Iterator

from transcode.codestream.markers import Codestream, Marker, TilePart, name_of
from transcode.errors import CorruptFrameError

_MAIN = frozenset({Marker.SIZ, Marker.CAP, Marker.COD, Marker.QCD, Marker.TLM, Marker.COM, Marker.CPF, Marker.PRF})
_TILE = frozenset({Marker.PLT, Marker.COM})
_HT_STYLES = frozenset({0x40, 0x48})
_MOST_DEPTH = 32
_COLOURS = 3


def require_sane(codestream: Codestream, width: int, height: int, samples: int) -> None:
    """Let a high-throughput codestream through that is whole and unremarkable.

    :raises CorruptFrameError: naming the first thing that is wrong with it, or too remarkable
    """
    for fault in _faults(codestream, (width, height, samples)):
        message = f"HTJ2K codestream: {fault}"
        raise CorruptFrameError(message)


def _faults(codestream: Codestream, wanted: tuple[int, int, int]) -> Iterator[str]:
    yield from _size_faults(codestream, wanted)
    yield from _header_faults(codestream)
    yield from _coding_faults(codestream)
    yield from _tile_part_faults(codestream)


def _size_faults(codestream: Codestream, wanted: tuple[int, int, int]) -> Iterator[str]:
    siz = codestream.siz
    found = (siz.width, siz.height, len(siz.components))
    if found != wanted:
        yield "SIZ says {} x {} x {}, expected are {} x {} x {}".format(*found, *wanted)
    if siz.x0 or siz.y0 or siz.tile_x0 or siz.tile_y0:
        yield "SIZ has offsets"
    first = siz.components[0]
    if any(component != first for component in siz.components):
        yield "SIZ has components that differ"
    if first.dx != 1 or first.dy != 1 or first.depth > _MOST_DEPTH:
        yield f"SIZ has components of {first.depth} bits, subsampled {first.dx} x {first.dy}"


def _header_faults(codestream: Codestream) -> Iterator[str]:
    if Marker.CAP not in codestream.markers or not codestream.is_htj2k:
        yield "CAP does not announce it"
    for code in codestream.markers:
        if code not in _MAIN:
            yield f"{name_of(code)} in the main header"
    for part in codestream.tile_parts:
        for code in part.markers:
            if code not in _TILE:
                yield f"{name_of(code)} in a tile-part header at byte {part.offset}"


def _coding_faults(codestream: Codestream) -> Iterator[str]:
    cod, qcd = codestream.cod, codestream.qcd
    if cod.block_style not in _HT_STYLES:
        yield f"COD has code-block style {cod.block_style:02X}"
    if cod.transformation > 1 or cod.mct > 1 or (cod.mct and len(codestream.siz.components) < _COLOURS):
        yield f"COD has transformation {cod.transformation} and colour transform {cod.mct}"
    if (qcd.style == 0) != cod.is_reversible:
        yield f"QCD has style {qcd.style} for transformation {cod.transformation}"
    if qcd.style != 1 and len(qcd.steps) < 3 * cod.decompositions + 1:
        yield f"QCD has {len(qcd.steps)} steps for {cod.decompositions} decompositions"


def _tile_part_faults(codestream: Codestream) -> Iterator[str]:
    if not codestream.has_eoc:
        yield f"EOC is missing at byte {codestream.length}"
    tiles: dict[int, list[TilePart]] = {}
    for part in codestream.tile_parts:
        tiles.setdefault(part.tile, []).append(part)
    if len(tiles) != codestream.siz.tile_count:
        yield f"{len(tiles)} tiles of {codestream.siz.tile_count} are there"
    for tile, parts in tiles.items():
        stated = {part.parts for part in parts if part.parts}
        if [part.part for part in parts] != list(range(len(parts))) or stated - {len(parts)}:
            yield f"SOT at byte {parts[0].offset}: the parts of tile {tile} are not all there, in order"
    if codestream.tlm and [entry.length for entry in codestream.tlm] != [part.length for part in codestream.tile_parts]:
        yield "TLM contradicts the tile-parts"
