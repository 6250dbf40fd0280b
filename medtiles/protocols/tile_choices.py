"""What the query string of a tile may choose, whatever the protocol."""

from __future__ import annotations

from typing import NamedTuple

from medtiles.core.display import Windowing
from medtiles.protocols import parameters


class TileChoices(NamedTuple):
    """The choices that make sense for any tile."""

    quality: int | None = None
    plane: int = 0
    windowing: Windowing | None = None
    version: str | None = None


def read_tile_choices(query_string: bytes) -> TileChoices:
    """The choices of a query string; unknown parameters are for others.

    :raises BadRequestError: one makes no sense
    """
    if not query_string:
        return TileChoices()
    query = parameters.read_query(query_string)
    plane = parameters.plane(query) or 0
    return TileChoices(parameters.quality(query), plane, parameters.windowing(query), query.get("v"))
