"""A tile divided into precincts, their subbands and code-blocks (ISO/IEC 15444-1 B.5 to B.7)."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from operator import mul
from typing import NamedTuple

from transcode.codestream.markers import Component, Siz
from transcode.errors import CorruptFrameError
from transcode.packet_index.coding import ComponentCoding, TileCoding

_MOST_PRECINCTS = 1 << 21
_MOST_BLOCKS = 1 << 22
"""Code-blocks of a tile: of 64 x 64 samples, three components of 75,000 x 75,000."""
_MOST_WORK = 1 << 25
"""Code-blocks of a tile times its quality layers: each is spoken of in each layer."""
_Bounds = tuple[int, int, int, int]
_Bands = list[tuple[list[int], list[int]]]
"""For each subband: code-blocks in each column of precincts, and in each row."""


def _ceil_div(value: int, divisor: int) -> int:
    return -(-value // divisor)


class PrecinctGrid(NamedTuple):
    """The precincts of one resolution of a tile-component, row after row."""

    bounds: _Bounds
    """Of the resolution, in its own samples: trx0, try0, trx1, try1 (B-15)."""
    ppx: int
    ppy: int
    column0: int
    """The first column of precincts, counted from the origin of the resolution."""
    row0: int
    across: int
    down: int
    first: int
    """The index of its first precinct within the tile."""

    @property
    def precincts(self) -> int:
        """Precincts in all (B-16)."""
        return self.across * self.down


_Resolution = tuple[PrecinctGrid, _Bands]


@dataclass(frozen=True, slots=True)
class TileLayout:
    """The precincts of a tile: of its components in turn, of their resolutions in turn, row after row."""

    grids: tuple[tuple[PrecinctGrid, ...], ...]
    """By component, by resolution."""
    component: array[int]
    """Of each precinct."""
    resolution: array[int]
    x: array[int]
    """Where it begins on the reference grid, within the tile (B.12.1.3)."""
    y: array[int]
    bands: array[int]
    """The index of its first subband; one more than there are precincts. The lowest resolution has one, others three,
    left out where the resolution has no samples."""
    blocks_across: array[int]
    """Code-blocks of each of the precinct's subbands."""
    blocks_down: array[int]

    @property
    def precincts(self) -> int:
        """How many there are."""
        return len(self.component)

    @property
    def blocks(self) -> int:
        """Code-blocks in all."""
        return sum(map(mul, self.blocks_across, self.blocks_down))


def lay_out(siz: Siz, tile: int, coding: TileCoding) -> TileLayout:
    """The precincts of a tile.

    :raises CorruptFrameError: more precincts or code-blocks than a tile may have here
    """
    layout = TileLayout((), *(array(kind) for kind in "HBqqiii"))
    grids = []
    x0, y0, x1, y1 = siz.tile_bounds(tile)
    blocks = 0
    alike: dict[tuple[Component, ComponentCoding, int], _Resolution] = {}
    for number, (component, coded) in enumerate(zip(siz.components, coding.components, strict=True)):
        dx, dy = component.dx, component.dy
        area = (_ceil_div(x0, dx), _ceil_div(y0, dy), _ceil_div(x1, dx), _ceil_div(y1, dy))
        own = []
        for r in range(coded.decompositions + 1):
            if (component, coded, r) not in alike:
                alike[component, coded, r] = _resolution(area, coded, r)
            grid, bands = alike[component, coded, r]
            grid = grid._replace(first=layout.precincts)
            if layout.precincts + grid.precincts > _MOST_PRECINCTS:
                message = f"tile {tile} has more than {_MOST_PRECINCTS} precincts"
                raise CorruptFrameError(message)
            own.append(grid)
            if grid.precincts:
                blocks += _add_precincts(layout, number, r, grid, bands)
                _add_places(layout, grid, (dx << coded.decompositions - r, dy << coded.decompositions - r), (x0, y0))
            if blocks > min(_MOST_BLOCKS, _MOST_WORK // coding.layers):
                message = f"tile {tile} has more than {blocks - 1} code-blocks in {coding.layers} layers"
                raise CorruptFrameError(message)
        grids.append(tuple(own))
    layout.bands.append(len(layout.blocks_across))
    return TileLayout(tuple(grids), *(getattr(layout, name) for name in TileLayout.__slots__[1:]))


def _resolution(area: _Bounds, coded: ComponentCoding, r: int) -> _Resolution:
    """The precincts of a resolution; its subbands where precincts are not too many."""
    grid = _grid(area, coded, r)
    return grid, _bands(area, coded, r, grid) if 0 < grid.precincts <= _MOST_PRECINCTS else []


def _grid(area: _Bounds, coded: ComponentCoding, r: int) -> PrecinctGrid:
    scale = 1 << coded.decompositions - r
    left, top, right, bottom = bounds = tuple(_ceil_div(side, scale) for side in area)
    ppx, ppy = coded.precincts[r]
    column0, row0 = left >> ppx, top >> ppy
    across = _ceil_div(right, 1 << ppx) - column0 if right > left else 0
    down = _ceil_div(bottom, 1 << ppy) - row0 if bottom > top else 0
    return PrecinctGrid((left, top, bounds[2], bounds[3]), ppx, ppy, column0, row0, across, down, 0)


def _bands(area: _Bounds, coded: ComponentCoding, r: int, grid: PrecinctGrid) -> _Bands:
    """For each subband: code-blocks in each column of precincts, and in each row."""
    halved = 1 if r else 0
    level = coded.decompositions - r + halved
    side_x, side_y = grid.ppx - halved, grid.ppy - halved
    block_x = min(coded.block_width.bit_length() - 1, side_x)
    block_y = min(coded.block_height.bit_length() - 1, side_y)
    found = []
    for xo, yo in ((1, 0), (0, 1), (1, 1)) if r else ((0, 0),):
        shift_x, shift_y = (xo << level - 1, yo << level - 1) if level else (0, 0)
        left, right = (_ceil_div(side - shift_x, 1 << level) for side in (area[0], area[2]))
        top, bottom = (_ceil_div(side - shift_y, 1 << level) for side in (area[1], area[3]))
        found.append(
            (
                _blocks(grid.column0, grid.across, side_x, block_x, (left, right)),
                _blocks(grid.row0, grid.down, side_y, block_y, (top, bottom)),
            )
        )
    return found


def _blocks(first: int, count: int, side: int, block: int, bounds: tuple[int, int]) -> list[int]:
    """How many code-blocks each precinct has along one axis (B.7)."""
    found = []
    for number in range(first, first + count):
        start, end = max(number << side, bounds[0]), min(number + 1 << side, bounds[1])
        found.append(_ceil_div(end, 1 << block) - (start >> block) if end > start else 0)
    return found


def _add_precincts(layout: TileLayout, component: int, r: int, grid: PrecinctGrid, bands: _Bands) -> int:
    """Add the precincts of a resolution; returns how many code-blocks they have."""
    blocks = 0
    layout.component.extend([component] * grid.precincts)
    layout.resolution.extend([r] * grid.precincts)
    for row in range(grid.down):
        for column in range(grid.across):
            layout.bands.append(len(layout.blocks_across))
            for across, down in bands:
                layout.blocks_across.append(across[column])
                layout.blocks_down.append(down[row])
                blocks += across[column] * down[row]
    return blocks


def _add_places(layout: TileLayout, grid: PrecinctGrid, scale: tuple[int, int], origin: tuple[int, int]) -> None:
    """Where the precincts of a resolution begin; the first may begin before the tile, and then is there at its edge."""
    columns = [max(origin[0], (grid.column0 + i << grid.ppx) * scale[0]) for i in range(grid.across)]
    rows = [max(origin[1], (grid.row0 + i << grid.ppy) * scale[1]) for i in range(grid.down)]
    for row in rows:
        layout.x.extend(columns)
        layout.y.extend([row] * grid.across)
