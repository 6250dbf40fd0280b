"""Precincts and the order of packets, against the loops of the standard walked literally."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcode.codestream import Component, Siz
from transcode.packet_index import ComponentCoding, TileCoding, Volume
from transcode.packet_index.layout import TileLayout, lay_out
from transcode.packet_index.order import packet_order

ORDERS = ("LRCP", "RLCP", "RPCL", "PCRL", "CPRL")


def literal(siz: Siz, tile: int, coding: TileCoding, layout: TileLayout, order: str) -> Iterator[tuple[int, int]]:
    """B.12.1, every column and row of the reference grid visited."""
    x0, y0, x1, y1 = siz.tile_bounds(tile)
    most = max(each.decompositions for each in coding.components)
    axes: dict[str, Sequence[Any]] = {
        "L": range(coding.layers),
        "R": range(most + 1),
        "C": range(len(siz.components)),
        "P": list(itertools.product(range(y0, y1), range(x0, x1))),
    }
    if order in {"LRCP", "RLCP"}:
        for values in itertools.product(*(axes[letter] for letter in order[:3])):
            at = dict(zip(order, values, strict=False))
            if at["R"] <= coding.components[at["C"]].decompositions:
                grid = layout.grids[at["C"]][at["R"]]
                yield from ((grid.first + k, at["L"]) for k in range(grid.precincts))
        return
    for values in itertools.product(*(axes[letter] for letter in order)):
        at = dict(zip(order, values, strict=True))
        (y, x), c, r = at["P"], at["C"], at["R"]
        coded, component = coding.components[c], siz.components[c]
        if r > coded.decompositions or not layout.grids[c][r].precincts:
            continue
        grid, scale = layout.grids[c][r], 1 << coded.decompositions - r
        if _begins(y, y0, component.dy * scale, grid.bounds[1], grid.ppy) and _begins(
            x, x0, component.dx * scale, grid.bounds[0], grid.ppx
        ):
            row = (-(-y // (component.dy * scale)) >> grid.ppy) - grid.row0
            column = (-(-x // (component.dx * scale)) >> grid.ppx) - grid.column0
            yield grid.first + row * grid.across + column, at["L"]


def _begins(place: int, start: int, step: int, first: int, exponent: int) -> bool:
    """Whether a precinct begins at a row or column of the reference grid (B.12.1.3)."""
    return place % (step << exponent) == 0 or (place == start and first % (1 << exponent) != 0)


@st.composite
def tiles(draw: st.DrawFn) -> tuple[Siz, int, TileCoding]:
    """Small images with offsets, tiles, subsampled components and precincts of any size."""
    small = st.integers(0, 9)
    components = tuple(
        Component(8, signed=False, dx=draw(st.integers(1, 3)), dy=draw(st.integers(1, 3)))
        for _ in range(draw(st.integers(1, 3)))
    )
    x0, y0 = draw(small), draw(small)
    siz = Siz(
        rsiz=0,
        x1=x0 + draw(st.integers(1, 30)),
        y1=y0 + draw(st.integers(1, 30)),
        x0=x0,
        y0=y0,
        tile_width=draw(st.integers(10, 40)),
        tile_height=draw(st.integers(10, 40)),
        tile_x0=0,
        tile_y0=0,
        components=components,
    )
    coded = []
    for _ in components:
        decompositions = draw(st.integers(0, 3))
        sizes = tuple(
            (draw(st.integers(min(1, r), 4)), draw(st.integers(min(1, r), 4))) for r in range(decompositions + 1)
        )
        coded.append(ComponentCoding(decompositions, 4, 8, 0, sizes))
    order = draw(st.sampled_from(ORDERS))
    layers = draw(st.integers(1, 2))
    volume = Volume(order, 0, 33, 0, 1 << 14, layers)
    coding = TileCoding(layers, may_have_sop=False, has_eph=False, components=tuple(coded), volumes=(volume,))
    return siz, draw(st.integers(0, siz.tile_count - 1)), coding


@given(tiles())
def test_the_order_is_that_of_the_loops_of_the_standard(case: tuple[Siz, int, TileCoding]) -> None:
    siz, tile, coding = case
    layout = lay_out(siz, tile, coding)
    found = list(packet_order(layout, coding))
    assert found == list(literal(siz, tile, coding, layout, coding.volumes[0].progression))
    assert len(set(found)) == len(found) == layout.precincts * coding.layers


@given(tiles())
def test_code_blocks_cover_every_sample_of_a_component_once(case: tuple[Siz, int, TileCoding]) -> None:
    siz, tile, coding = case
    layout = lay_out(siz, tile, coding)
    x0, y0, x1, y1 = siz.tile_bounds(tile)
    for component, grids in zip(siz.components, layout.grids, strict=True):
        width = -(-x1 // component.dx) - -(-x0 // component.dx)
        height = -(-y1 // component.dy) - -(-y0 // component.dy)
        assert (grids[-1].bounds[2] - grids[-1].bounds[0], grids[-1].bounds[3] - grids[-1].bounds[1]) == (width, height)
        first, last = grids[0].first, grids[-1].first + grids[-1].precincts
        blocks = sum(
            layout.blocks_across[band] * layout.blocks_down[band]
            for band in range(layout.bands[first], layout.bands[last])
        )
        assert (blocks > 0) == (width > 0 and height > 0)
        assert blocks <= max(0, width * height)


@pytest.mark.parametrize("order", ORDERS)
def test_progression_changes_send_each_packet_once(order: str) -> None:
    siz = Siz(0, 40, 30, 0, 0, 40, 30, 0, 0, (Component(8, signed=False, dx=1, dy=1),) * 2)
    coded = ComponentCoding(2, 4, 4, 0, ((3, 3),) * 3)
    volumes = (Volume("RLCP", 0, 1, 0, 2, 1), Volume(order, 0, 3, 1, 2, 2), Volume("LRCP", 0, 33, 0, 1 << 14, 2))
    coding = TileCoding(2, may_have_sop=False, has_eph=False, components=(coded, coded), volumes=volumes)
    layout = lay_out(siz, 0, coding)
    found = list(packet_order(layout, coding))
    assert len(set(found)) == len(found) == 2 * layout.precincts
    first = layout.grids[0][0].precincts + layout.grids[1][0].precincts
    assert all(layout.resolution[precinct] == 0 and layer == 0 for precinct, layer in found[:first])
    second = layout.grids[1][-1].first + layout.grids[1][-1].precincts - layout.grids[1][0].first
    rest = found[first : first + 2 * second - layout.grids[1][0].precincts]
    assert {layout.component[precinct] for precinct, _ in rest} == {1}
