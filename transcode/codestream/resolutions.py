"""Where in a codestream each resolution is complete: there it can be cut, and nothing need be decoded.

Resolutions can be told apart when their packets follow one another (RLCP, RPCL; LRCP with a single layer) and either
each tile-part has PLT, or each tile has exactly one tile-part for each resolution. Otherwise only the end of the whole
is known: packet headers are not read here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from transcode.codestream.markers import Codestream, Marker, TilePart
from transcode.codestream.packets import packet_counts, packet_lengths
from transcode.codestream.parser import parse

_CHANGES_ORDER = frozenset({Marker.COC, Marker.POC, Marker.PPM})
_CHANGES_TILE = frozenset({Marker.COD, Marker.COC, Marker.POC, Marker.PPT})


@dataclass(frozen=True, slots=True)
class ResolutionEnd:
    """Where a resolution is complete."""

    reduction: int
    end_offset: int
    """Of the first byte that is no longer needed, within the codestream."""
    size: tuple[int, int]
    """Width and height of the picture at this reduction."""


def resolution_ends(data: bytes | memoryview) -> tuple[ResolutionEnd, ...]:
    """Where each resolution of a codestream is complete, coarsest first; the last is the end of the codestream.

    Slices between the ends, joined, are the codestream.

    :raises CorruptFrameError: the codestream's structure is broken
    """
    return resolution_ends_of(parse(data))


def resolution_ends_of(codestream: Codestream) -> tuple[ResolutionEnd, ...]:
    """The same for a codestream that has been parsed. Resolutions that end together are told as the finest of them."""
    offsets = [codestream.length]
    if codestream.cod.is_resolution_major and _CHANGES_ORDER.isdisjoint(codestream.markers):
        tiles = _by_tile(codestream.tile_parts)
        offsets = _joined(codestream, [_ends_by_packets(codestream, parts) for parts in tiles]) or _joined(
            codestream, [_ends_by_tile_parts(codestream, parts) for parts in tiles]
        )
        offsets = offsets or [codestream.length]
    ends: list[ResolutionEnd] = []
    for reduction, offset in zip(range(len(offsets) - 1, -1, -1), offsets, strict=True):
        if ends and ends[-1].end_offset == offset:
            ends.pop()
        ends.append(ResolutionEnd(reduction, offset, codestream.siz.reduced_size(reduction)))
    return tuple(ends)


def _by_tile(parts: Iterable[TilePart]) -> list[list[TilePart]]:
    tiles: defaultdict[int, list[TilePart]] = defaultdict(list)
    for part in parts:
        tiles[part.tile].append(part)
    return list(tiles.values())


def _joined(codestream: Codestream, tiles: Sequence[Sequence[int] | None]) -> list[int]:
    """A resolution is complete where it is complete in every tile; empty when one of them cannot tell."""
    latest = [0] * (codestream.decompositions + 1)
    for ends in tiles:
        if ends is None:
            return []
        latest = [max(pair) for pair in zip(latest, ends, strict=True)]
    return [*accumulate(latest[:-1], max), codestream.length]


def _ends_by_tile_parts(codestream: Codestream, parts: Sequence[TilePart]) -> list[int] | None:
    is_one_each = [part.part for part in parts] == list(range(codestream.decompositions + 1))
    if not is_one_each or any(not _CHANGES_TILE.isdisjoint(part.markers[:]) for part in parts):
        return None
    return [part.end for part in parts]


def _ends_by_packets(codestream: Codestream, parts: Sequence[TilePart]) -> list[int] | None:
    """By PLT, when it is there for each tile-part and adds up to the bytes that there are."""
    if any(not part.packet_lengths or not _CHANGES_TILE.isdisjoint(part.markers) for part in parts):
        return None
    ends: list[int] = []
    for part in parts:
        positions = accumulate(packet_lengths(part.packet_lengths), initial=part.offset + part.header_length)
        next(positions)
        ends.extend(positions)
        if not ends or ends[-1] != part.end:
            return None
    counts = list(accumulate(packet_counts(codestream.siz, codestream.cod, parts[0].tile)))
    if counts[-1] != len(ends):
        return None
    return [ends[count - 1] if count else parts[0].offset for count in counts]
