"""The rules of HTJ2K that can be served by resolution: transfer syntax 1.2.840.10008.1.2.4.202 (PS3.5 10.18).

The standard wants progression by resolution (RPCL), TLM, and decompositions until the width or the height of the lowest
resolution is 64 or less. Serving a beginning of the bytes wants more: one tile, with one tile-part for each resolution.
"""

from __future__ import annotations

from collections.abc import Iterator

from transcode.codestream.markers import Codestream, Marker, name_of

_MOST_BASE_SIDE = 64
_CHANGES_ORDER = (Marker.POC, Marker.COC, Marker.PPM)
_CHANGES_TILE = frozenset({Marker.COD, Marker.COC, Marker.POC, Marker.PPT})


def rpcl_faults(codestream: Codestream) -> tuple[str, ...]:
    """What keeps a codestream from being lossless RPCL HTJ2K that can be cut behind each resolution; empty: nothing."""
    return (*_standard_faults(codestream), *_layout_faults(codestream))


def _standard_faults(codestream: Codestream) -> Iterator[str]:
    """What PS3.5 10.18 forbids."""
    if not codestream.is_htj2k or not codestream.cod.is_ht:
        yield "its code-blocks are not high-throughput ones"
    if not codestream.is_reversible:
        yield "it is not reversible"
    if codestream.cod.progression != "RPCL":
        yield f"COD has progression {codestream.cod.progression}, not RPCL"
    width, height = codestream.siz.reduced_size(codestream.decompositions)
    if min(width, height) > _MOST_BASE_SIDE:
        yield f"the lowest of {codestream.decompositions + 1} resolutions has {width} x {height} samples"
    yield from _tlm_faults(codestream)


def _tlm_faults(codestream: Codestream) -> Iterator[str]:
    if not codestream.tlm:
        yield "TLM is missing"
        return
    parts = codestream.tile_parts
    stated = [(tile if entry.tile is None else entry.tile, entry.length) for tile, entry in enumerate(codestream.tlm)]
    if stated != [(part.tile, part.length) for part in parts]:
        yield f"TLM states {sum(length for _, length in stated)} bytes in {len(stated)} tile-parts, " + (
            f"there are {sum(part.length for part in parts)} in {len(parts)}"
        )


def _layout_faults(codestream: Codestream) -> Iterator[str]:
    """What keeps the end of a tile-part from being the end of a resolution."""
    if codestream.siz.tile_count != 1:
        yield f"it has {codestream.siz.tile_count} tiles"
    for code in _CHANGES_ORDER:
        if code in codestream.markers:
            yield f"{name_of(code)} in the main header"
    for part in codestream.tile_parts:
        for code in _CHANGES_TILE.intersection(part.markers):
            yield f"{name_of(code)} in the tile-part at byte {part.offset}"
    order = [part.part for part in codestream.tile_parts]
    if order != list(range(codestream.decompositions + 1)):
        yield f"it has tile-parts {order} for {codestream.decompositions + 1} resolutions"
    if not codestream.has_eoc:
        yield f"EOC is missing at byte {codestream.length}"
