"""From a view window to the precincts that it needs (ISO/IEC 15444-9 C.4; 15444-1 Annex B)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from medtiles.jpip.fields import Range
from medtiles.jpip.request import FrameSize, JpipRequest
from transcode.codestream import Siz
from transcode.packet_index import TileLayout


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


def window_of(request: JpipRequest, siz: Siz, decompositions: int, all_layers: int) -> Window | None:
    """The window of a request; None: it asks for no picture.

    :param decompositions: how often all of the codestream can be halved
    :param all_layers: quality layers of the codestream
    """
    if request.fsiz is None:
        return None
    sizes = frame_sizes(siz, decompositions)
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
    count = len(siz.components)
    chosen = range(count) if request.comps is None else _chosen(request.comps, count)
    layers = all_layers
    if request.layers is not None:
        layers = min(layers, request.layers)
    elif request.quality is not None and all_layers > 1:
        layers = max(1, -(-all_layers * request.quality // 100))
    return Window(reduction, (width, height), (offset[0], offset[1]), size, tuple(chosen), layers)


def _chosen(spans: Iterable[Range], count: int) -> list[int]:
    """Components that are named, each once, however many spans name it."""
    named = bytearray(count)
    for span in set(spans):
        within = span.within(count)
        named[within.start : within.stop : within.step] = b"\x01" * len(within)
    return [c for c in range(count) if named[c]]


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


def squared_distance(window: Window, siz: Siz, tile: int) -> int:
    """From the window's centre to that of a tile, in samples of the reference grid."""
    x0, y0, x1, y1 = region_on_grid(window, siz)
    row, column = divmod(tile, siz.tiles_across)
    x = siz.tile_x0 + column * siz.tile_width + siz.tile_width // 2 - (x0 + x1 << window.reduction) // 2
    y = siz.tile_y0 + row * siz.tile_height + siz.tile_height // 2 - (y0 + y1 << window.reduction) // 2
    return x * x + y * y


def _touched(first: int, last: int, origin: int, side: int, count: int) -> range:
    return range(max(0, (first - origin) // side), min(count, (last - origin) // side + 1))


def precincts_under(
    window: Window, siz: Siz, layout: TileLayout, reach: int, j2k_resolution: int | None = None
) -> Iterator[PlacedPrecinct]:
    """The precincts of a tile that the window needs so that its edges are exact.

    :param reach: how far beyond a region the synthesis of the wavelet goes, in samples of each resolution
    :param j2k_resolution: only those of one resolution
    """
    region = region_on_grid(window, siz)
    centre = ((region[0] + region[2] << window.reduction) // 2, (region[1] + region[3] << window.reduction) // 2)
    for c in window.components:
        component, grids = siz.components[c], layout.grids[c]
        own = len(grids) - 1
        top = max(0, own - window.reduction)
        for r in range(top + 1) if j2k_resolution is None else range(j2k_resolution, min(j2k_resolution, top) + 1):
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
