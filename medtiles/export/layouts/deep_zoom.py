"""Deep Zoom: `NAME.dzi` beside `NAME_files/{level}/{column}_{row}.{suffix}`."""

from __future__ import annotations

from functools import partial

from medtiles.core.errors import BadRequestError
from medtiles.export.model import Cut, Tile, TileLevel, TileSet, Wanted
from medtiles.protocols.http.dzi import Layout, default_tile_size, descriptor


def deep_zoom(wanted: Wanted) -> TileSet:
    """The files of a Deep Zoom pyramid.

    :raises BadRequestError: the overlap is larger than the tiles
    """
    layout = Layout(wanted.info.size, wanted.tile_size or default_tile_size(wanted.info), wanted.overlap)
    if layout.overlap > layout.tile_size:
        message = f"an overlap of {layout.overlap}: it must not be more than the tile size, {layout.tile_size}"
        raise BadRequestError(message)
    numbers = range(layout.max_level, -1, -1)
    levels = tuple(
        TileLevel(
            layout.grid(number),
            partial(_tile, wanted, layout, number),
            Cut(layout.level_size(number), layout.tile_size, layout.max_level - number, layout.overlap),
        )
        for number in numbers
    )
    document = f"{wanted.name}.dzi"
    return TileSet(levels, ((document, descriptor(layout, wanted.suffix)),), (document, f"{wanted.name}_files"))


def _tile(wanted: Wanted, layout: Layout, number: int, column: int, row: int) -> Tile:
    path = f"{wanted.name}_files/{number}/{column}_{row}.{wanted.suffix}"
    return Tile(path, layout.tile_view(number, column, row, wanted.plane))
