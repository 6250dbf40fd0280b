"""The packets of a tile in the order of the codestream (ISO/IEC 15444-1 B.12)."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator

from transcode.packet_index.coding import TileCoding, Volume
from transcode.packet_index.layout import TileLayout


def packet_order(layout: TileLayout, coding: TileCoding) -> Iterator[tuple[int, int]]:
    """The index of the precinct and the quality layer of each packet. Each comes once, its layers in order."""
    done = array("H", bytes(2 * layout.precincts))
    for volume in coding.volumes:
        for precinct, layer in _packets(layout, volume):
            if done[precinct] == layer:
                done[precinct] += 1
                yield precinct, layer


def _packets(layout: TileLayout, volume: Volume) -> Iterator[tuple[int, int]]:
    component, resolution = layout.component, layout.resolution
    chosen = [
        precinct
        for precinct in range(layout.precincts)
        if volume.first_resolution <= resolution[precinct] < volume.end_resolution
        and volume.first_component <= component[precinct] < volume.end_component
    ]
    layers = range(volume.end_layer)
    if volume.progression in {"LRCP", "RLCP"}:
        chosen.sort(key=resolution.__getitem__)  # stable: precincts come by component already
        if volume.progression == "LRCP":
            yield from ((precinct, layer) for layer in layers for precinct in chosen)
            return
        for r in sorted(set(map(resolution.__getitem__, chosen))):
            same = [precinct for precinct in chosen if resolution[precinct] == r]
            yield from ((precinct, layer) for layer in layers for precinct in same)
        return
    chosen.sort(key=_place(layout, volume.progression))
    yield from ((precinct, layer) for precinct in chosen for layer in layers)


def _place(layout: TileLayout, progression: str) -> Callable[[int], tuple[int, int, int, int]]:
    """What precincts are sorted by; ties keep the order of the tile's layout."""
    component, resolution, x, y = layout.component, layout.resolution, layout.x, layout.y
    if progression == "RPCL":
        return lambda precinct: (resolution[precinct], y[precinct], x[precinct], component[precinct])
    if progression == "PCRL":
        return lambda precinct: (y[precinct], x[precinct], component[precinct], resolution[precinct])
    return lambda precinct: (component[precinct], y[precinct], x[precinct], resolution[precinct])
