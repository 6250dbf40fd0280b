"""Deep Zoom: `NAME.dzi` beside `NAME_files/{level}/{column}_{row}.{suffix}`."""

from __future__ import annotations

from functools import partial

from medtiles.core.errors import BadRequestError
from medtiles.export.model import Cut, TileSet, Wanted, cut_level
from medtiles.protocols.http.dzi import Layout, default_tile_size, descriptor


def deep_zoom(wanted: Wanted) -> TileSet:
    """The files of a Deep Zoom pyramid.

    :raises BadRequestError: the overlap is larger than the tiles
    """
    layout = Layout(wanted.info.size, wanted.tile_size or default_tile_size(wanted.info), wanted.overlap)
    if layout.overlap > layout.tile_size:
        message = f"an overlap of {layout.overlap}: it must not be more than the tile size, {layout.tile_size}"
        raise BadRequestError(message)
    levels = []
    for number in range(layout.max_level, -1, -1):
        cut = Cut(layout.level_size(number), layout.tile_size, layout.max_level - number, layout.overlap)
        levels.append(cut_level(wanted, cut, partial(_path, wanted, number)))
    document = f"{wanted.name}.dzi"
    tops = (document, f"{wanted.name}_files")
    return TileSet(tuple(levels), ((document, descriptor(layout, wanted.suffix)),), tops)


def _path(wanted: Wanted, number: int, column: int, row: int) -> str:
    return f"{wanted.name}_files/{number}/{column}_{row}.{wanted.suffix}"
