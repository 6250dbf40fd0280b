"""Makes the tiles of a tile set.

Theory of operation. Levels come in *runs*. Tiles of a level that is stored so go out one by one, as the engine has
them. All others are cut out of larger pictures: of the finest level of a run a square is drawn, some tiles a side,
cut into tiles, halved, cut again, and so on for the levels of the run. What is left after the last halving is laid
down on a canvas, of which the next run is drawn. So each level is made once, from the one above it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from medtiles.core.geometry import Region, Size, ceil_div
from medtiles.core.pyramid import ImageInfo, TileKey
from medtiles.core.view import Request, View
from medtiles.engine.planning import stored_tile
from medtiles.export.canvas import Canvas
from medtiles.export.choices import Pictures
from medtiles.export.drawn import Drawn, Kind, halved, part
from medtiles.export.model import Block, Cut, Tile, TileSet, rows_of
from medtiles.protocols.tile_views import enlarged_view
from transcode.codec import EncodeOptions
from transcode.codecs.jpeg import encode_ycbcr
from transcode.frames import EncodedFrame, Frame, PixelArray
from transcode.ycbcr import YCbCr, as_rgb, as_ycbcr

_SQUARE = 2048
"""Pixels of a side that are drawn at once, without what is shared: 6 or 12 MB for each thread, and their halves."""
_MOST_SHARED = 8
"""How much less than a square its margin must be."""


class Engine(Protocol):
    """What is asked of an engine."""

    def info(self, image: str) -> ImageInfo:
        """Everything about an image."""

    def stored_tile(self, image: str, key: TileKey) -> Frame:
        """A tile as its source hands it out."""

    def samples(self, image: str, what: View | TileKey) -> PixelArray:
        """Samples with all their bits."""

    def produce(self, request: Request) -> EncodedFrame:
        """A picture."""

    def pixels(self, request: Request) -> PixelArray:
        """The same before it is finished and encoded."""

    def ycbcr(self, request: Request) -> YCbCr | None:
        """The same as luminance and chrominance, where that is cheaper."""

    def encoded(self, request: Request, pixels: PixelArray) -> EncodedFrame:
        """What `pixels` gives, or a part of it, finished and encoded."""


Single = Callable[[Tile, int, int], bytes]
"""Of a tile, its column and row."""


class Form(Protocol):
    """What tiles are in the end. Safe to call from several threads."""

    @property
    def asked(self) -> Pictures:
        """How pixels are asked for."""

    def single(self, sample: Tile) -> Single | None:
        """What gives the tiles of a level one by one: they are stored so, or the engine must make them.

        None where they are made of larger pictures.

        :param sample: one of them, not at an edge if there is such a one
        """

    def produced(self, tile: Tile, column: int, row: int) -> bytes:
        """A tile that the engine makes."""

    def encoded(self, drawn: Drawn, tile: Tile) -> bytes:
        """One of those that are not had one by one, of its pixels."""


class PictureForm:
    """Tiles that are pictures of their own."""

    def __init__(self, engine: Engine, asked: Pictures) -> None:
        self.asked = asked
        self._engine = engine
        self._info = engine.info(asked.image)

    def single(self, sample: Tile) -> Single | None:
        """See `Form.single`."""
        if self.asked.rendering is not None:  # is done with stored values of each level
            return self.produced
        key = stored_tile(self._info, sample.view) if self.asked.quality is None else None
        if key is None or self._info.levels[key.level].media_type not in self.asked.accept:
            return None
        frame = self._engine.stored_tile(self.asked.image, key)
        produced = self._engine.produce(self.asked.request(sample.view, sample.finish))
        is_untouched = isinstance(frame, EncodedFrame) and frame.data == produced.data
        return partial(self._untouched, key.level) if is_untouched else self.produced

    def produced(self, tile: Tile, _column: int, _row: int) -> bytes:
        """See `Form.produced`."""
        return self._engine.produce(self.asked.request(tile.view, tile.finish)).data

    def _untouched(self, level: int, tile: Tile, column: int, row: int) -> bytes:
        """A stored tile, by a shorter way; one at an edge is cut by the engine."""
        grid = self._info.levels[level].grid
        if column + 1 < grid.width and row + 1 < grid.height:
            frame = self._engine.stored_tile(self.asked.image, TileKey(level, column, row, tile.view.plane))
            if isinstance(frame, EncodedFrame) and frame.is_accepted(self.asked.accept):
                return frame.data
        return self.produced(tile, column, row)

    def encoded(self, drawn: Drawn, tile: Tile) -> bytes:
        """See `Form.encoded`."""
        request = self.asked.request(tile.view, tile.finish)
        if isinstance(drawn, PixelArray):
            return self._engine.encoded(request, drawn).data
        if tile.finish is not None:
            return self._engine.encoded(request, as_rgb(drawn)).data
        return encode_ycbcr(drawn, EncodeOptions(request.quality)).data


@dataclass(frozen=True)
class _Run:
    """Levels that are made together."""

    levels: range
    squares: int = 0
    """Tiles of a side of what is drawn, on its first level; 0: its tiles are asked for one by one."""
    drawn_of: Canvas | None = None
    """None: of the image."""
    left_on: Canvas | None = None
    """None: no run comes after it that would need it."""
    single: Single | None = None
    """What gives its tiles, where `squares` is 0."""


class PyramidMaker:
    """See above. Safe to call from several threads."""

    def __init__(self, engine: Engine, form: Form, tiles: TileSet, plane: int, scratch: Path) -> None:
        """:param scratch: what the names of canvases begin with"""
        self._engine = engine
        self._form = form
        self._asked = form.asked
        self._tiles = tiles
        self._plane = plane
        self._scratch = scratch
        self._info = engine.info(form.asked.image)
        self._kind = self._kind_of_pixels()
        self._canvases: list[Canvas] = []
        self._singles = [self._single(level) for level in range(len(tiles.levels))]
        self._runs = list(self._planned())

    def blocks(self) -> Iterator[Block]:
        """See `Maker.blocks`."""
        for canvas in self._canvases:
            canvas.open()
        for run in self._runs:
            if not run.squares:
                yield from rows_of(run.levels[0], self._tiles.levels[run.levels[0]].grid)
            else:
                yield from self._squares(run)

    def make(self, block: Block) -> Iterator[bytes]:
        """See `Maker.make`."""
        run = next(run for run in self._runs if block.parts[0][0] in run.levels)
        if run.single is None:
            yield from self._cut(run, block)
            return
        for level, column, row in block.places():
            yield run.single(self._tiles.levels[level].tile(column, row), column, row)

    def flush(self) -> None:
        """See `Maker.flush`."""
        for canvas in self._canvases:
            canvas.flush()

    def finish(self) -> None:
        """See `Maker.finish`."""
        for canvas in self._canvases:
            canvas.remove()

    # -- runs ----------------------------------------------------------------------------------------------------

    def _planned(self) -> Iterator[_Run]:
        levels = self._tiles.levels
        start = 0
        canvas: Canvas | None = None
        while start < len(levels):
            cut, single = levels[start].cut, self._singles[start]
            if cut is None or single is not None:
                yield _Run(range(start, start + 1), single=single or self._form.produced)
                start, canvas = start + 1, None
                continue
            end = start + 1
            while end < start + _depth(cut) and end < len(levels) and self._goes_on(end):
                end += 1
            found = canvas
            canvas = self._canvas(cut, end - start) if end < len(levels) and self._goes_on(end) else None
            yield _Run(range(start, end), 1 << _depth(cut), found, canvas)
            start = end

    def _goes_on(self, level: int) -> bool:
        before, cut = self._tiles.levels[level - 1].cut, self._tiles.levels[level].cut
        is_next = before is not None and cut is not None and cut.reduction == before.reduction + 1
        return is_next and self._singles[level] is None

    def _single(self, level: int) -> Single | None:
        grid = self._tiles.levels[level].grid
        return self._form.single(self._tiles.levels[level].tile((grid.width - 1) // 2, (grid.height - 1) // 2))

    def _canvas(self, cut: Cut, halvings: int) -> Canvas:
        path = self._scratch.with_name(f"{self._scratch.name}.{len(self._canvases)}")
        self._canvases.append(Canvas(path, cut.size.reduced(halvings), self._kind))
        return self._canvases[-1]

    def _kind_of_pixels(self) -> Kind:
        """What squares are drawn as: luminance and chrominance, where a view in the middle can be drawn so."""
        size = self._info.size
        region = Region(size.width // 4 * 2, size.height // 4 * 2, 2, 2).cut_to(size)
        request = self._asked.request(View(region, region.size, self._plane))
        is_even = all(level.cut is None or level.cut.side % 2 == 0 for level in self._tiles.levels)
        if is_even and self._engine.ycbcr(request) is not None:
            return None
        return self._engine.pixels(request).format

    # -- squares -------------------------------------------------------------------------------------------------

    def _squares(self, run: _Run) -> Iterator[Block]:
        grid = self._tiles.levels[run.levels[0]].grid
        is_first = run.drawn_of is not None
        for row in range(ceil_div(grid.height, run.squares)):
            for column in range(ceil_div(grid.width, run.squares)):
                parts = []
                for halvings, level in enumerate(run.levels):
                    side = run.squares >> halvings
                    cells = Region(column * side, row * side, side, side).cut_to(self._tiles.levels[level].grid)
                    if cells.width and cells.height:
                        parts.append((level, cells))
                yield Block(tuple(parts), is_first)
                is_first = False

    def _cut(self, run: _Run, block: Block) -> Iterator[bytes]:
        cut = self._tiles.levels[run.levels[0]].cut
        assert cut is not None
        column, row = (place // run.squares for place in (block.parts[0][1].x, block.parts[0][1].y))
        side = run.squares * cut.side
        margin = _margin(cut.overlap, len(run.levels))
        square = Region(column * side, row * side, side, side)
        region = Region(square.x - margin, square.y - margin, side + 2 * margin, side + 2 * margin).cut_to(cut.size)
        pixels = self._drawn(run, cut, region)
        x, y = region.x, region.y
        cells = dict(block.parts)
        for halvings, level in enumerate(run.levels):
            if halvings:
                pixels, x, y = halved(pixels), x // 2, y // 2
            if level in cells:
                yield from self._tiles_of(level, cells[level], pixels, (x, y))
        if run.left_on is not None:
            pixels, x, y = halved(pixels), x // 2, y // 2
            side >>= len(run.levels)
            core = Region(column * side - x, row * side - y, side, side).cut_to(Size(pixels.width, pixels.height))
            run.left_on.write(part(pixels, core), column * side, row * side)

    def _drawn(self, run: _Run, cut: Cut, region: Region) -> Drawn:
        if run.drawn_of is not None:
            return run.drawn_of.read(region)
        view = enlarged_view(region, cut.reduction, self._info.size, self._plane)
        request = self._asked.request(view)
        if self._kind is not None:
            return self._engine.pixels(request)
        return self._engine.ycbcr(request) or as_ycbcr(self._engine.pixels(request))

    def _tiles_of(self, level: int, cells: Region, pixels: Drawn, place: tuple[int, int]) -> Iterator[bytes]:
        tiles = self._tiles.levels[level]
        assert tiles.cut is not None
        for _, column, row in Block(((level, cells),)).places():
            region = tiles.cut.region(column, row)
            drawn = part(pixels, Region(region.x - place[0], region.y - place[1], region.width, region.height))
            yield self._form.encoded(drawn, tiles.tile(column, row))


def _depth(cut: Cut) -> int:
    """Levels that are made of a square at the most."""
    depth = max(1, (_SQUARE // cut.side).bit_length() - 1)
    while depth > 1 and _margin(cut.overlap, depth) * _MOST_SHARED > cut.side << depth:
        depth -= 1
    return depth


def _margin(overlap: int, levels: int) -> int:
    """Pixels around a square that its tiles share with others.

    So many that the square begins at an even pixel however often it is halved.
    """
    step = 2 << levels
    return ceil_div(overlap << (levels - 1), step) * step
