"""From a view window to the precincts that it needs (ISO/IEC 15444-9 C.4; 15444-1 Annex B)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from medtiles.jpip.request import FrameSize, JpipRequest
from transcode.codestream import Codestream, Siz
from transcode.codestream.markers import Marker
from transcode.packet_index import TileLayout

_OWN_CODING = frozenset({Marker.COD, Marker.COC})


@dataclass(frozen=True, slots=True)
class Window:
    """What is wanted of a codestream, as it is really there."""

    reduction: int
    """Halvings from full resolution."""
    frame_size: tuple[int, int]
    """Of the whole picture after them, in samples of the reference grid."""
    offset: tuple[int, int]
    """Of the region, from the picture's upper left corner."""
    size: tuple[int, int]
    components: tuple[int, ...]
    layers: int
    """Quality layers."""

    @property
    def is_empty(self) -> bool:
        """Whether the region has no samples."""
        return not (self.size[0] and self.size[1])


class PlacedPrecinct(NamedTuple):
    """A precinct that a window needs."""

    number: int
    """Within the tile."""
    resolution: int
    distance: int
    """From the window's centre to the precinct's, squared, in samples of the reference grid."""


def frame_sizes(siz: Siz, decompositions: int) -> list[tuple[int, int]]:
    """The size of the picture on the reference grid at each reduction, largest first (C.4.2)."""
    return [(-(-siz.x1 >> d) + (-siz.x0 >> d), -(-siz.y1 >> d) + (-siz.y0 >> d)) for d in range(decompositions + 1)]


def window_of(request: JpipRequest, codestream: Codestream, decompositions: int) -> Window | None:
    """The window of a request; None: it asks for no picture.

    :param decompositions: how often all of the codestream can be halved
    """
    if request.fsiz is None:
        return None
    sizes = frame_sizes(codestream.siz, decompositions)
    reduction = _reduction(request.fsiz, sizes)
    width, height = sizes[reduction]
    asked = (request.fsiz.width, request.fsiz.height)
    offset, end = [], []
    for axis, real in enumerate((width, height)):
        start = request.roff[axis] if request.roff else 0
        length = request.rsiz[axis] if request.rsiz else max(0, asked[axis] - start)
        offset.append(min(real, start * real // asked[axis]))
        end.append(min(real, -(-(start + length) * real // asked[axis])))
    size = (max(0, end[0] - offset[0]), max(0, end[1] - offset[1]))
    count = len(codestream.siz.components)
    chosen = range(count) if request.comps is None else {c for span in request.comps for c in span.within(count)}
    layers = min(codestream.cod.layers, codestream.cod.layers if request.layers is None else request.layers)
    return Window(reduction, (width, height), (offset[0], offset[1]), size, tuple(sorted(chosen)), layers)


def _reduction(asked: FrameSize, sizes: list[tuple[int, int]]) -> int:
    if asked.rounding == "round-up":
        fitting = [d for d, (width, height) in enumerate(sizes) if width >= asked.width and height >= asked.height]
        return fitting[-1] if fitting else 0
    if asked.rounding == "closest":
        area = asked.width * asked.height
        return min(range(len(sizes)), key=lambda d: (abs(sizes[d][0] * sizes[d][1] - area), d))
    fitting = [d for d, (width, height) in enumerate(sizes) if width <= asked.width and height <= asked.height]
    return fitting[0] if fitting else len(sizes) - 1


def region_on_grid(window: Window, siz: Siz) -> tuple[int, int, int, int]:
    """The region on the reference grid at the window's reduction, counted from its origin: x0, y0, x1, y1."""
    x = (-(-siz.x0 >> window.reduction)) + window.offset[0]
    y = (-(-siz.y0 >> window.reduction)) + window.offset[1]
    return x, y, x + window.size[0], y + window.size[1]


def tiles_under(window: Window, siz: Siz) -> list[int]:
    """The tiles that have samples of the region, in their order. Each is decoded for itself: no other is needed."""
    if window.is_empty:
        return []
    x0, y0, x1, y1 = region_on_grid(window, siz)
    before_x = max(component.dx for component in siz.components) - 1
    before_y = max(component.dy for component in siz.components) - 1
    d = window.reduction
    columns = _touched(x0 - before_x << d, x1 - 1 << d, siz.tile_x0, siz.tile_width, siz.tiles_across)
    rows = _touched(y0 - before_y << d, y1 - 1 << d, siz.tile_y0, siz.tile_height, siz.tiles_down)
    return [row * siz.tiles_across + column for row in rows for column in columns]


def _touched(first: int, last: int, origin: int, side: int, count: int) -> range:
    return range(max(0, (first - origin) // side), min(count, (last - origin) // side + 1))


def reach_of(codestream: Codestream) -> int:
    """How far beyond a region precincts are needed, in samples of their resolution.

    The synthesis of the 9-7 wavelet reaches four samples, that of the 5-3 two, and twice as far through all coarser
    levels together (15444-1 F.3). Where components or tiles may differ, the longer one counts.
    """
    may_differ = Marker.COC in codestream.markers or any(
        not _OWN_CODING.isdisjoint(part.markers) for part in codestream.tile_parts
    )
    return 4 if codestream.cod.is_reversible and not may_differ else 8


def precincts_under(window: Window, siz: Siz, layout: TileLayout, reach: int) -> Iterator[PlacedPrecinct]:
    """The precincts of a tile that the window needs so that its edges are exact.

    :param reach: by `reach_of`
    """
    region = region_on_grid(window, siz)
    centre = ((region[0] + region[2] << window.reduction) // 2, (region[1] + region[3] << window.reduction) // 2)
    for c in window.components:
        component, grids = siz.components[c], layout.grids[c]
        own = len(grids) - 1
        top = max(0, own - window.reduction)
        for r in range(top + 1):
            grid, shift = grids[r], own - r - window.reduction
            across, down = (grid.column0, grid.across, grid.ppx), (grid.row0, grid.down, grid.ppy)
            columns = _columns((region[0], region[2]), (component.dx, shift, reach), across)
            rows = _columns((region[1], region[3]), (component.dy, shift, reach), down)
            scale_x, scale_y = component.dx << own - r, component.dy << own - r
            for row in rows:
                y = ((2 * row + 1 << grid.ppy) * scale_y) // 2 - centre[1]
                for column in columns:
                    x = ((2 * column + 1 << grid.ppx) * scale_x) // 2 - centre[0]
                    number = grid.first + (row - grid.row0) * grid.across + column - grid.column0
                    yield PlacedPrecinct(number, r, x * x + y * y)


def _columns(stretch: tuple[int, int], scale: tuple[int, int, int], grid: tuple[int, int, int]) -> range:
    """Columns (or rows) of precincts under a stretch of the reference grid at the window's reduction."""
    first, count, exponent = grid
    step, shift, reach = scale
    low, high = stretch[0] // step, -(-stretch[1] // step)
    if shift >= 0:
        low, high = (low >> shift) - reach, -(-high >> shift) + reach
    else:  # the component has fewer resolutions than the window leaves out
        low, high = (low << -shift) - reach, (high << -shift) + reach
    return range(max(first, low >> exponent), min(first + count, (high - 1 >> exponent) + 1))
